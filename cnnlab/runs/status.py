"""Where runs stand: each folder read into one row, however its run came to be there."""

import csv
import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnlab.registry import CnnlabError, nearest
from cnnlab.runs.claim import holder
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.run_dir import RunDir, find_runs

FAILED = ("failed", "diverged", "out of memory")  # tried again by the same command, or cleaned away
STOPPED = ("interrupted", "preempted", "killed")  # goes on from its last checkpoint
STATES = ("running", "done", "pruned", *FAILED, *STOPPED)


@dataclass(frozen=True)
class RunStatus:
    """What a listing says of one run. Accuracies are fractions, times seconds."""

    folder: RunDir
    name: str  # the folder, as seen from the one that is listed
    state: str
    epoch: int  # epochs finished
    epochs: int | None  # epochs asked for
    val_acc: float | None  # of the chosen epoch, else the best so far
    val_loss: float | None  # the same
    seconds: float  # spent in training
    age: float  # since anything changed
    error: str
    options: Flat = field(repr=False)  # the config made flat, with what was chosen in each group

    @property
    def has_failed(self) -> bool:
        return self.state in FAILED


def read_runs(top: str | Path) -> list[RunStatus]:
    """The runs at or below ``top``, in the order of their folders.

    Raises:
        CnnlabError: there is no such folder.
    """
    folder = Path(top).expanduser()
    if not folder.is_dir():
        raise CnnlabError(f"{top}: no such folder; give one that holds runs: cnnlab runs FOLDER")
    return [read_run(run, folder) for run in find_runs([folder])]


def read_run(run: RunDir, top: Path) -> RunStatus:
    """One run as it stands now; a folder that cannot be read says so as its error."""
    state, status = state_of(run)
    result, metrics = run.result(), _metrics(run)
    config: dict[str, Any] = {}
    error = str(status.get("error") or "")
    try:
        config = _config(run.path, run.config_file.stat().st_mtime_ns)
    except (OSError, CnnlabError) as unreadable:
        error = error or str(unreadable)
    files = (run.status_file, run.metrics_file)
    changed = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    return RunStatus(
        folder=run,
        name=run.name if run.path == top else run.path.relative_to(top).as_posix(),
        state=state,
        epoch=int(max(metrics["epoch"], default=0)),
        epochs=config.get("trainer", {}).get("epochs"),
        val_acc=result.get("val_acc", max(metrics["val_acc"], default=None)),
        val_loss=result.get("val_loss", min(metrics["val_loss"], default=None)),
        seconds=result.get("train_seconds", sum(metrics["seconds"])),
        age=max(0.0, time.time() - changed),
        error=error,
        options=with_choices(config, status.get("choices", {})),
    )


def state_of(run: RunDir) -> tuple[str, dict[str, Any]]:
    """What has become of a run, and its status.json; killed: it says running, nobody runs it."""
    status = run.status()
    if status.get("state") == "running" and holder(run) is None:
        status = run.status()  # it may have ended between the two looks
        if status.get("state") == "running":
            return "killed", status
    return str(status.get("state", "not begun")), status


@functools.lru_cache(maxsize=10_000)
def _config(path: Path, _written: int) -> dict[str, Any]:
    """A config, parsed anew only when it was written anew: --watch reads all of them often."""
    return RunDir(path).config()


def _metrics(run: RunDir) -> dict[str, list[float]]:
    """The finite numbers of metrics.csv by column, without waiting for pandas."""
    columns: dict[str, list[float]] = {k: [] for k in ("epoch", "val_acc", "val_loss", "seconds")}
    try:
        with run.metrics_file.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for name, numbers in columns.items():
            values = [float(row[name]) for row in rows if row.get(name)]
            numbers += [value for value in values if math.isfinite(value)]
    except (OSError, ValueError):
        pass  # what is no number is not shown
    return columns


ORDERS: dict[str, Callable[[RunStatus], Any]] = {  # the smallest first, None last
    "name": lambda run: run.name,
    "status": lambda run: STATES.index(run.state) if run.state in STATES else len(STATES),
    "progress": lambda run: -run.epoch / run.epochs if run.epochs else None,
    "val_acc": lambda run: None if run.val_acc is None else -run.val_acc,
    "val_loss": lambda run: run.val_loss,
    "time": lambda run: -run.seconds,
    "age": lambda run: run.age,
}


def ordered(runs: Sequence[RunStatus], by: str) -> list[RunStatus]:
    """Best, furthest, longest or latest first; equals stay as they were.

    Raises:
        CnnlabError: there is no such order.
    """
    if by not in ORDERS:
        raise CnnlabError(f"--sort {by}: no such order{nearest(by, ORDERS)}")
    keys = [(ORDERS[by](run), run) for run in runs]
    known = sorted((pair for pair in keys if pair[0] is not None), key=lambda pair: pair[0])
    return [run for _, run in known] + [run for key, run in keys if key is None]
