"""The runs that can be combined: finished classifiers of one configuration, one for each seed.

Only their configs, results and stored logits are read.
"""

import itertools
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_result, read_status
from cnnlab.runs.data_record import DataRecord
from cnnlab.runs.first_edition import groups_of
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.read_file import DamagedFileError, reason, require_file
from cnnlab.runs.run_dir import RunDir, open_runs
from cnnlab.runs.state import RunState
from cnnlab.text import plural

LOGITS = "logits"
NUMBERS = ("seed", "params", "macs", "train_seconds")
MAX_NAMED = 3  # runs left out for the same reason


@dataclass(frozen=True, eq=False)
class Member:
    """A finished run of a classifier.

    Attributes:
        logits: of the test images, float32 (N, K).
        labels: int64 (N,).
        shown: its flat config, as tables show it.
        data: what it recorded of its data, if anything.
    """

    folder: RunDir
    result: dict[str, Any]
    status: dict[str, Any]
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    shown: Flat
    data: DataRecord | None

    @property
    def sample(self) -> tuple[object, ...]:
        """Runs of one configuration with the same are no two members: not independent."""
        resumed = self.shown.get("resume")
        start = resumed or self.shown.get("init.from")
        return None if resumed else self.result["seed"], start and Path(str(start)).name


@dataclass(frozen=True, eq=False)
class SeedSweep:
    """At least two runs of one configuration, tested on the same images, by their seeds."""

    group: str
    members: tuple[Member, ...]

    @property
    def logits(self) -> NDArray[np.float32]:
        """(n, N, K)."""
        return np.stack([member.logits for member in self.members])

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,)."""
        return self.members[0].labels


def find_seed_sweeps(paths: Iterable[str | Path]) -> tuple[list[SeedSweep], list[str]]:
    """The configurations at or below ``paths`` with at least two runs, and what is left out.

    Returns:
        also a note on each reason for which runs are left out, without full stop.

    Raises:
        CnnlabError: there is no run at one of the paths, or no configuration has two.
    """
    members: list[Member] = []
    left_out: dict[str, list[str]] = {}
    for folder in (run for run in open_runs(paths) if not run.is_ensemble):
        try:
            found = _read(folder)
        except DamagedFileError as damage:
            found = f"damaged ({damage})"
        if isinstance(found, Member):
            members.append(found)
        else:
            left_out.setdefault(found, []).append(folder.name)
    sweeps = []
    for group, runs in _by_group(members).items():
        newest = {run.sample: run for run in sorted(runs, key=lambda run: run.status["updated"])}
        one_each = sorted(newest.values(), key=lambda run: run.result["seed"])
        names = [run.folder.name for run in one_each]
        older = [run.folder.name for run in runs if run not in one_each]
        if older:
            left_out.setdefault("repeats of another with the same seed", []).extend(older)
        if len(one_each) < 2:
            left_out.setdefault("the only one of its configuration", []).extend(names)
        elif not _same_images(one_each):
            left_out.setdefault("tested on different images with each seed", []).extend(names)
        else:
            sweeps.append(SeedSweep(group, tuple(one_each)))
    notes = [_note(why, names) for why, names in left_out.items()]
    if not sweeps:
        why = f": {'; '.join(notes[:2])}" if notes else ""
        raise CnnlabError(
            "nothing to combine: an ensemble needs two finished runs that differ in their seed "
            f"alone{why}"
        )
    return sweeps, notes


def _note(why: str, names: Sequence[str]) -> str:
    some = ", ".join(names[:MAX_NAMED])
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{plural(len(names), 'run')} left out, {why}: {some}{more}"


def _by_group(members: Sequence[Member]) -> dict[str, list[Member]]:
    groups: dict[str, list[Member]] = {}
    for group, member in zip(groups_of([m.folder for m in members]), members, strict=True):
        groups.setdefault(group, []).append(member)
    return groups


def _same_images(members: Sequence[Member]) -> bool:
    """Whether the labels are the same, in the same order, and the record of the test images."""
    for one, other in itertools.pairwise(members):
        if not np.array_equal(one.labels, other.labels) or one.logits.shape != other.logits.shape:
            return False
        if one.data is not None and other.data is not None:
            same_part = one.data.parts["test"] == other.data.parts["test"]
            if not same_part or one.data.classes != other.data.classes:
                return False
    return True


def _read(folder: RunDir) -> Member | str:
    """A run, or why it is left out.

    Raises:
        DamagedFileError: a file of it cannot be read, or does not hold what it should.
    """
    status, result = read_status(folder.status_file), read_result(folder.result_file)
    if RunState.recorded(status) is not RunState.DONE or not result:
        return "not finished"
    if not any(column.startswith("test_") for column in result):
        return "not tested"
    if "test_acc" not in result:
        return "not a classifier"
    for column in ("model", "data", *NUMBERS):
        if column not in result:
            raise DamagedFileError(f"{folder.result_file}: has no '{column}'")
    identity = status.get("identity") or {}
    if not {"group", "sources"} <= identity.keys() or "updated" not in status:
        raise DamagedFileError(f"{folder.status_file}: has no identity or no time")
    logits, labels = read_outputs(folder.outputs_file(LOGITS))
    config = folder.config() | {"sources": identity["sources"]}
    chosen = {group: str(result[group]) for group in ("model", "data")}
    shown = with_choices(config, chosen)
    return Member(folder, result, status, logits, labels, shown, DataRecord.read(folder))


def read_outputs(file: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits (N, K) and labels (N,) of the test images.

    Raises:
        DamagedFileError: there are none, or they are not what they should be.
    """
    try:
        require_file(file)
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            logits, labels = arrays[LOGITS], arrays["labels"]
    except (
        *(OSError, ValueError, KeyError, EOFError, MemoryError, NotImplementedError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise DamagedFileError(f"{file}: {reason(error)}") from error
    is_whole = (
        (logits.ndim, labels.ndim) == (2, 1)
        and len(logits) == len(labels) > 0
        and np.issubdtype(logits.dtype, np.floating)
        and np.issubdtype(labels.dtype, np.integer)
    )
    if not is_whole or labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise DamagedFileError(f"{file}: does not hold logits (N, K) and labels (N,)")
    if not np.isfinite(logits).all():
        raise DamagedFileError(f"{file}: has logits that are not finite numbers")
    return logits.astype(np.float32), labels.astype(np.int64)
