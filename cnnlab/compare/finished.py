"""The finished runs among some folders, read and checked; those left out, each with its reason.

A run whose files are damaged, or hold what cannot be averaged or drawn, is left out by name: it
must not keep the others from being compared.
"""

import dataclasses
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cnnlab.compare.test_set import TestSet
from cnnlab.compare.unfinished import UnfinishedRun, read_unfinished
from cnnlab.metrics import METRICS, Metric, metric_of
from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_result, read_status
from cnnlab.runs.first_edition import groups_of
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.read_file import DamagedFileError, read_mapping
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.text import plural

TEXTS = ("model", "data", "accelerator", "split")
MOST_NAMED = 5  # damaged runs
NUMBERS = ("seed", "params", "macs", "train_seconds")
RECORDED = ("device", "threads", "devices", "torch", "cnnlab", "commit")  # of what a run ran on


@dataclass(frozen=True)
class FinishedRun:
    """A finished run.

    Attributes:
        shown: its flat config, as tables show it.
        group: runs of one group differ in their seed alone, or in that of what they start from.
        start: the run or file whose weights it starts from, or that it continues; None without.
        is_continued: whether it continues another run, and with it that one's seed.
        updated: seconds since 1970.
        environment: device, threads, devices, torch, cnnlab, commit, as far as they are recorded.
    """

    folder: RunDir
    result: dict[str, Any]
    metric: Metric
    metrics: pd.DataFrame
    shown: Flat
    test_set: TestSet
    start: str | None
    is_continued: bool
    updated: float
    environment: Mapping[str, Any]
    group: str = ""

    @property
    def seed(self) -> int:
        return int(self.result["seed"])

    @property
    def is_ensemble(self) -> bool:
        return "ensemble" in self.result

    @property
    def training_images(self) -> str:
        """A digest of which images were trained and validated on."""
        return str(self.result["split"])

    @property
    def device(self) -> str:
        """What its times were measured on."""
        return str(self.environment.get("device") or self.result["accelerator"])

    @property
    def is_partial(self) -> bool:
        """Whether it was evaluated on a sample of the images; older results do not say."""
        limit = self.shown.get("trainer.max_eval_steps")
        return bool(self.result.get("partial", limit is not None))

    @property
    def sample(self) -> tuple[object, ...]:
        """What it is a sample of: runs of one group and sample are not independent.

        The same seed from other weights is another sample; another seed that continues the same
        run is not.
        """
        seed = None if self.is_continued else self.seed
        return self.group, seed, self.start

    def outputs(self) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Of a classifier the logits (N, K) on the test images and their labels (N,).

        None where they are not recorded or cannot be read.
        """
        try:
            with np.load(self.folder.outputs_file("logits"), allow_pickle=False) as file:
                logits, labels = file["logits"], file["labels"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        fits = logits.ndim == 2 and labels.ndim == 1 and len(logits) == len(labels) > 0
        return (logits, labels) if fits and logits.dtype.kind == "f" else None


def read_finished(
    folders: Sequence[RunDir],
) -> tuple[list[FinishedRun], list[UnfinishedRun], list[str]]:
    """The finished and tested runs, the unfinished ones, and the faults of damaged ones."""
    runs: list[FinishedRun] = []
    unfinished: list[UnfinishedRun] = []
    damaged = []
    for folder in folders:
        try:
            run = _read(folder)
        except DamagedFileError as damage:
            damaged.append(str(damage))
            continue
        if isinstance(run, FinishedRun):
            runs.append(run)
        else:
            unfinished.append(read_unfinished(folder, run))
    groups = groups_of([run.folder for run in runs])
    runs = [dataclasses.replace(r, group=group) for r, group in zip(runs, groups, strict=True)]
    return runs, unfinished, damaged


def damaged_notes(damaged: Sequence[str]) -> list[str]:
    """A note on each run that cannot be read, up to ``MOST_NAMED``, and how many more there are."""
    notes = [f"damaged run left out: {fault}" for fault in damaged[:MOST_NAMED]]
    more = len(damaged) - MOST_NAMED
    return notes + ([f"{plural(more, 'more damaged run')} left out"] if more > 0 else [])


def _read(folder: RunDir) -> FinishedRun | str:
    """A run, or why it is left out.

    Raises:
        DamagedFileError: a file of it cannot be read, or does not hold what it should.
    """
    status, result = read_status(folder.status_file), read_result(folder.result_file)
    state = RunState.recorded(status)
    if state is not RunState.DONE or not result:
        return state
    if not any(column.startswith("test_") for column in result):
        return "not tested"
    identity = status.get("identity") or {}
    if "sources" not in identity or "updated" not in status:
        raise DamagedFileError(f"{folder.status_file}: has no identity or no time")
    metric = _check_result(folder, result)
    config = folder.config()
    chosen = {group: str(result[group]) for group in ("model", "data")}
    shown = with_choices(config | {"sources": identity["sources"]}, chosen)
    if "model" not in shown or "data" not in shown:
        raise DamagedFileError(f"{folder.config_file}: names no model or no data set")
    source = shown.get("resume") or shown.get("init.from")
    return FinishedRun(
        folder=folder,
        result=result,
        metric=metric,
        metrics=_read_metrics(folder, metric, is_ensemble="ensemble" in result),
        shown=shown,
        test_set=TestSet.of(folder, config, result),
        start=None if source is None else Path(source).name,
        is_continued=shown.get("resume") is not None,
        updated=float(status["updated"]),
        environment=_environment(folder, result),
    )


def _environment(folder: RunDir, result: Mapping[str, Any]) -> dict[str, Any]:
    """What a run ran on: of its result, or for runs made before from env.json."""
    if "torch" in result:
        return {key: result[key] for key in RECORDED if key in result}
    try:
        env = read_mapping(folder.env_file, json.loads, lambda _: "") or {}
    except DamagedFileError:  # nothing that is needed
        return {}
    packages = env.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    found = {name: versions.get(name) for name in ("torch", "cnnlab")}
    found |= {key: env.get(key) for key in ("threads", "devices")}
    return {key: value for key, value in found.items() if isinstance(value, str | int)}


def _check_result(folder: RunDir, result: dict[str, Any]) -> Metric:
    """The primary metric of a result that has all that a comparison shows, in finite numbers."""
    try:
        metric = metric_of(result)
    except CnnlabError as error:  # the user's own, not imported here
        raise DamagedFileError(f"{folder.result_file}: {error}") from error
    is_ensemble = "ensemble" in result  # it was validated by nobody
    validated = () if is_ensemble else (f"val_{metric.column}", "images_per_second")
    numbers = (*NUMBERS, f"test_{metric.column}", *validated)
    for column in (*TEXTS, *numbers):
        if column not in result:
            raise DamagedFileError(f"{folder.result_file}: has no '{column}'")
        if column in numbers and not math.isfinite(result[column]):
            raise DamagedFileError(f"{folder.result_file}: {column} is {result[column]}")
    return metric


def _read_metrics(folder: RunDir, metric: Metric, *, is_ensemble: bool) -> pd.DataFrame:
    if is_ensemble:  # it had no epochs
        return pd.DataFrame({"epoch": []})
    rows = folder.metrics()
    for column in (metric.column, METRICS[metric.loss].column):
        if f"val_{column}" not in rows:
            raise DamagedFileError(f"{folder.metrics_file}: has no column 'val_{column}'")
    is_infinite = np.isinf(rows.to_numpy())
    return rows.mask(is_infinite) if is_infinite.any() else rows
