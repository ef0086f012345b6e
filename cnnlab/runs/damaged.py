"""A run that continues with damaged files: they are kept beside the new ones."""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cnnlab.runs.checkpoint_file import Progress, misfit, resumable, try_checkpoint
from cnnlab.runs.contents import LARGEST, read_config, read_metrics, read_result, read_status
from cnnlab.runs.durable import copy, set_aside, write_text
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir
from cnnlab.text import plural


def set_aside_unreadable(run: RunDir) -> list[str]:
    """Rename the damaged files of a run, which training writes again; a line for each.

    Of metrics.csv, the rows that can be read are kept: the epochs of a checkpoint are not
    trained again.

    Raises:
        DamagedFileError: a file that this process may not read, which need not be damaged.
    """
    readers: dict[Path, Callable[[Path], object]] = {
        run.status_file: read_status,
        run.result_file: read_result,
        run.config_file: read_config,
        run.metrics_file: read_metrics,
    }
    lines = []
    for file, read in readers.items():
        if not os.path.lexists(file):
            continue
        try:
            read(file)
        except DamagedFileError as damage:
            if not _is_damage(damage.__cause__):
                raise
            rows = _whole_rows(file) if file == run.metrics_file else []
            line = set_aside(file, str(damage).removeprefix(f"{file}: "))
            if rows:
                write_text(file, "".join(f"{row}\n" for row in rows))
                line += f"; {plural(len(rows) - 1, 'epoch')} of it can be read"
            lines.append(line)
    return lines


def _whole_rows(file: Path) -> list[str]:
    """The header of a metrics.csv and those of its lines that are rows of numbers, if any."""
    if not file.is_file():
        return []
    header, *lines = file.read_bytes().decode(errors="replace").splitlines() or [""]
    names = header.split(",")
    if "epoch" not in names or "\ufffd" in header or len(set(names)) < len(names):
        return []
    rows = [line for line in lines if _is_row(line.split(","), names)]
    return [header, *rows] if rows else []


def _is_row(values: list[str], names: list[str]) -> bool:
    try:
        numbers = dict(zip(names, map(float, values), strict=True))
    except ValueError:
        return False
    return numbers["epoch"].is_integer() and 1 <= numbers["epoch"] <= LARGEST


def _is_damage(cause: BaseException | None) -> bool:
    """Whether the file itself is at fault: not so where the disk or its permissions are."""
    return not isinstance(cause, OSError) or cause.errno in (None, errno.ELOOP)


def repair_checkpoints(run: RunDir, shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """Set damaged and foreign checkpoints aside; make last.ckpt the latest of the others.

    best.ckpt, where it is lost, is copied from last.ckpt if that is of the best epoch.

    Args:
        shapes: of the tensors of the run's model, by name.

    Returns:
        a line for each that was set aside.
    """
    last, best = run.last_checkpoint, run.best_checkpoint
    found, lines = dict[Path, Progress](), dict[Path, str]()
    for file in list(resumable(run)):
        state, reason = try_checkpoint(file, mapped=True)
        reason = reason if state is None else misfit(state, shapes)
        if state is None or reason:
            lines[file] = set_aside(file, reason)
        else:
            found[file] = Progress.of(state)
    if last not in found:
        others = list(found)  # the latest first; without last.ckpt after a kill in the first epoch
        if others:
            copy(others[0], last)
            found[last] = found[others[0]]
        if last in lines:
            then = f"continuing from {others[0].name}" if others else "starting from the beginning"
            lines[last] += f", {then}"
    if last in found:
        ours, kept = found[last], found.get(best)
        ties = kept is not None and kept.position == ours.position
        if kept and (kept.position > ours.position or (ties and kept.best != ours.best)):
            copy(best, last)  # it came before the best was copied
        elif ours.is_best and (kept is None or kept.epoch != ours.best):
            copy(last, best)
        elif best in lines:
            lines[best] += "; the best epoch is chosen among the next ones"
    return list(lines.values())
