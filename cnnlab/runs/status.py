"""The status of runs: each folder read into one row, whatever state its run is in."""

import contextlib
import csv
import functools
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnlab.metrics import ACCURACY, LOSS, Metric, find_metric, metric_of, split_of
from cnnlab.registry import CnnlabError, nearest
from cnnlab.runs.claim import probable_holder
from cnnlab.runs.contents import LARGEST, read_result, read_status
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.read_file import DamagedFileError, reason, require_file
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.state import RunState


@dataclass(frozen=True)
class RunStatus:
    """One row of a listing. Accuracies are fractions, times seconds.

    Attributes:
        name: the folder's path below the folder that is listed.
        epoch: finished epochs, of ``epochs`` in the config.
        metric: the primary metric.
        scores: validation columns, such as ``val_acc``: of the chosen epoch, else the best so far.
        seconds: of training.
        age: since the last change of a file.
        is_partial: whether it is evaluated on a sample of the images.
        is_ensemble: whether it is an ensemble of other runs, which has no epochs.
        options: the flat config, with the choice of each group, such as ``model``.
    """

    folder: RunDir
    name: str
    state: RunState
    epoch: int
    epochs: int | None
    metric: Metric
    scores: Mapping[str, float]
    seconds: float
    age: float
    error: str
    options: Flat = field(repr=False)
    is_partial: bool = False
    is_ensemble: bool = False

    @property
    def score(self) -> float | None:
        """The primary metric on the validation images; None before the first epoch's end."""
        return self.scores.get(f"val_{self.metric.column}")


def read_runs(top: str | Path) -> list[RunStatus]:
    """The runs at or below ``top``, in the order of their folders.

    Raises:
        CnnlabError: ``top`` is not a folder.
    """
    folder = Path(os.path.expanduser(top))
    if not os.path.isdir(folder):  # False for a name that is too long, too
        raise CnnlabError(f"{top}: no such folder; name one with runs in it: cnnlab runs FOLDER")
    return [read_run(run, folder) for run in find_runs([folder])]


def read_run(run: RunDir, top: Path) -> RunStatus:
    """The status of one run now; of files that cannot be read, ``error`` says which and why."""
    name = run.name if run.path == top else run.path.relative_to(top).as_posix()
    state, status = state_of(run)
    result, (metrics, damage) = run.result(), _metrics(run)
    scores = _best_so_far(metrics) | {
        column: value
        for column, value in result.items()
        if split_of(column) == "val" and math.isfinite(value)
    }
    config: dict[str, Any] = {}
    try:
        config = _config(run.path, run.config_file.stat().st_mtime_ns)
    except (OSError, CnnlabError) as unreadable:
        is_ours = isinstance(unreadable, CnnlabError)
        damage = str(unreadable) if is_ours else f"{run.config_file}: {reason(unreadable)}"
    limit = (config.get("trainer") or {}).get("max_eval_steps")
    return RunStatus(
        folder=run,
        name=name,
        state=state,
        epoch=int(max(metrics.get("epoch", []), default=0)),
        epochs=None if run.is_ensemble else config.get("trainer", {}).get("epochs"),
        metric=_primary_metric(result, scores),
        scores=scores,
        seconds=result.get("train_seconds", sum(metrics.get("seconds", []))),
        age=max(0.0, time.time() - _changed(run)),
        error="; ".join(dict.fromkeys(filter(None, (str(status.get("error") or ""), damage)))),
        options=with_choices(config, status.get("choices") or {}),
        is_partial=bool(result.get("partial", limit is not None)),
        is_ensemble=run.is_ensemble,
    )


def state_of(run: RunDir) -> tuple[RunState, dict[str, Any]]:
    """The state of a run, and the content of its status.json.

    Where that or the result of a finished run is damaged, ``error`` says so: the run counts as not
    started, or as killed.
    """
    try:
        status = read_status(run.status_file)
        state = RunState.recorded(status)
        if state is RunState.RUNNING and probable_holder(run) is None:
            status = run.status()  # it may have ended between reading the status and the claim
            state = RunState.recorded(status)
            if state is RunState.RUNNING:
                return RunState.KILLED, status
    except DamagedFileError as damage:
        return RunState.NOT_STARTED, {"error": str(damage)}
    try:
        if state is RunState.DONE and not read_result(run.result_file):
            return RunState.KILLED, status
    except DamagedFileError as damage:
        return RunState.KILLED, {**status, "error": str(damage)}
    return state, status


def _changed(run: RunDir) -> float:
    """When a file of the run was last written, in seconds since 1970."""
    times = [0.0]
    for file in (run.status_file, run.metrics_file):
        with contextlib.suppress(OSError):
            times.append(file.stat().st_mtime)
    return max(times)


def _primary_metric(result: Mapping[str, Any], scores: Mapping[str, float]) -> Metric:
    try:
        return metric_of(result or scores)
    except CnnlabError:  # its task is not imported here; the run is listed all the same
        return metric_of(scores)


@functools.lru_cache(maxsize=10_000)
def _config(path: Path, _written: int) -> dict[str, Any]:
    """A config, parsed again only when its file has changed: --watch reads all of them often."""
    return RunDir(path).config()


def _metrics(run: RunDir) -> tuple[dict[str, list[float]], str]:
    """The finite numbers of metrics.csv by column, without the import of pandas, and its fault."""
    columns: dict[str, list[float]] = {}
    try:
        require_file(run.metrics_file)
        with run.metrics_file.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        for name in reader.fieldnames or ():
            values = [float(row[name]) for row in rows if row.get(name)]
            columns[name] = [value for value in values if abs(value) <= LARGEST]
    except FileNotFoundError:
        pass
    except (OSError, ValueError, csv.Error) as error:
        return {}, f"{run.metrics_file}: {reason(error)}"
    return columns, ""


def _best_so_far(metrics: Mapping[str, Sequence[float]]) -> dict[str, float]:
    best = {}
    for column, values in metrics.items():
        metric = find_metric(column)
        if metric is not None and split_of(column) == "val" and values:
            best[column] = max(values) if metric.higher_is_better else min(values)
    return best


ORDERS: dict[str, Callable[[RunStatus], Any]] = {  # ascending, None last
    "name": lambda run: run.name,
    "status": lambda run: list(RunState).index(run.state),
    "progress": lambda run: -run.epoch / run.epochs if run.epochs else None,
    "time": lambda run: -run.seconds,
    "age": lambda run: run.age,
}


def ordered(runs: Sequence[RunStatus], by: str) -> list[RunStatus]:
    """Best, furthest, longest or latest first; equal runs keep their order.

    Args:
        by: a key of ``ORDERS``, or a validation column such as ``val_acc``.

    Raises:
        CnnlabError: there is no such order.
    """
    order = ORDERS.get(by) or _by_score(by, runs)
    keys = [(order(run), run) for run in runs]
    known: list[tuple[Any, RunStatus]] = [pair for pair in keys if pair[0] is not None]
    known.sort(key=lambda pair: pair[0])
    return [run for _, run in known] + [run for key, run in keys if key is None]


def _by_score(column: str, runs: Sequence[RunStatus]) -> Callable[[RunStatus], float | None]:
    scored = {name for run in runs for name in run.scores}
    scored |= {f"val_{metric.column}" for metric in (ACCURACY, LOSS)}
    metric = find_metric(column)
    if metric is None or column not in scored:
        raise CnnlabError(f"--sort {column}: no such order{nearest(column, [*ORDERS, *scored])}")
    sign = -1 if metric.higher_is_better else 1
    return lambda run: sign * run.scores[column] if column in run.scores else None
