"""TensorBoard on the loopback address, with readable run names.

TensorBoard names a run by its folder. It is therefore given a folder of links with short names, to
which runs that begin later are added. (Its own --logdir_spec does without the fast loader and
without paths that hold a comma or a colon.)
"""

import contextlib
import functools
import io
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cnnlab.compare.configurations import varying_keys
from cnnlab.registry import CnnlabError
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.naming import name_part
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.text import as_typed

LOOPBACK = "127.0.0.1"
REFRESH = 5.0  # seconds; as often as TensorBoard reads


def serve(paths: Sequence[str | Path], *, port: int | None = None) -> None:
    """Show the runs at or below ``paths`` until Ctrl-C. Prints the address.

    ``port=None`` takes 6006 or the next free one.

    Raises:
        CnnlabError: no runs there, no TensorBoard, or the port is taken.
    """
    if not find_runs(paths):
        raise CnnlabError(f"no runs in {', '.join(map(str, paths))}; nothing to show")
    handler = signal.signal(signal.SIGTERM, _end)  # or the folder of links would not be removed
    with tempfile.TemporaryDirectory(prefix="cnnlab-tensorboard-") as logdir:
        shown: dict[str, Path] = {}
        try:
            _link(find_runs(paths), Path(logdir), shown)
            url = _launch(logdir, port)
            print(f"TensorBoard: {url} (runs: {len(shown)}; Ctrl-C stops it)", flush=True)
            while True:
                time.sleep(REFRESH)
                _link(find_runs(paths), Path(logdir), shown)
        except KeyboardInterrupt:
            print("\nTensorBoard stopped", file=sys.stderr)
        finally:
            signal.signal(signal.SIGTERM, handler)


def readable_names(runs: Sequence[RunDir]) -> list[str]:
    """``lenet5_seed0_lr0.1 (first)``: model, seed, what else varies among the runs, the sweep.

    Short, and the seed early, because TensorBoard's columns are narrow. The sweep is named where
    there are several. Where two runs would have one name, each has that of its folder.
    """
    rows = [_options(run.path) for run in runs]
    varying = [key for key in varying_keys([row for row in rows if row]) if key != "model"]
    several = len({run.path.resolve().parent for run in runs}) > 1
    candidates = [
        (*_short(row, varying, run, several), f"{path.parent.name}/{path.name}", _unique(path))
        for run, row in zip(runs, rows, strict=True)
        for path in [run.path.resolve()]
    ]
    counts = Counter(name for names in candidates for name in set(names))
    return [next(name for name in names if counts[name] == 1) for names in candidates]


def _short(row: Flat, varying: Sequence[str], run: RunDir, several: bool) -> list[str]:
    if not row:
        return []
    parts = [name_part(key, as_typed(row[key], 6)) for key in varying if key in row]
    name = "_".join(part for part in (row["model"], f"seed{row['seed']}", *parts) if part)
    return [f"{name} ({run.path.resolve().parent.name})" if several else name]


def _unique(path: Path) -> str:
    return path.as_posix().lstrip("/")


@functools.cache
def _options(path: Path) -> Flat:
    """A run's flat config; empty where it cannot be read."""
    run = RunDir(path)
    try:
        row = with_choices(run.config(), run.status().get("choices") or {})
    except (DamagedFileError, OSError):
        return {}
    return row if {"model", "seed"} <= row.keys() else {}


def _link(runs: Sequence[RunDir], logdir: Path, shown: dict[str, Path]) -> None:
    """Make ``shown`` and the folder of links those of all runs that have written something.

    A run that begins later may change names: of the first run alone nothing varies.
    """
    wanted: dict[str, Path] = {}
    runs = [run for run in runs if not run.is_ensemble]  # without curves
    for name, run in zip(readable_names(runs), runs, strict=True):
        try:
            target = run.tensorboard_dir.resolve()
            if target.is_dir() and target not in wanted.values():
                wanted[name] = target
        except (OSError, RuntimeError):  # it may not be looked into, or is a loop of links
            continue
    for name in [name for name, target in shown.items() if wanted.get(name) != target]:
        (logdir / name).unlink()
        del shown[name]
    for name in wanted.keys() - shown.keys():
        link = logdir / name
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(wanted[name], target_is_directory=True)
        except OSError as error:
            raise CnnlabError(f"TensorBoard needs symbolic links, and {link}: {error}") from error
        shown[name] = wanted[name]


def _launch(logdir: str, port: int | None) -> str:
    """Start the server in a thread of this process; its address."""
    try:
        from tensorboard import program  # type: ignore[import-untyped]
    except ImportError as error:
        raise CnnlabError("TensorBoard is not installed: pip install tensorboard") from error
    server = program.TensorBoard()
    chosen = ["--port", str(port)] if port is not None else []
    server.configure(["tensorboard", "--logdir", logdir, "--host", LOOPBACK, *chosen])
    try:
        with contextlib.redirect_stderr(
            io.StringIO()
        ):  # it advertises an option of its own command
            return str(server.launch())
    except program.TensorBoardServerException as error:
        hint = "" if port is None else "; leave out --port to use the next free one"
        raise CnnlabError(f"{error.msg}{hint}") from error


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
