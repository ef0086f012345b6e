"""In what the compared runs differ although it was not swept, and what that spoils."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnnlab.compare.comparison import Axis, Configuration, Finding
from cnnlab.compare.finished import FinishedRun
from cnnlab.text import as_typed, plural, precision_option

Spoils = Literal["accuracy", "time", ""]
# Options by what their difference spoils. Others, such as the optimiser's, are only named.
SPOILERS: tuple[tuple[str, Spoils], ...] = (
    *((f"trainer.{key}", "accuracy") for key in ("epochs", "max_steps", "max_time", "overfit")),
    ("trainer.max_eval_steps", "accuracy"),
    ("data.", "accuracy"),
    ("augment", "accuracy"),
    ("init.", "accuracy"),
    *((f"trainer.{key}", "time") for key in ("compile", "channels_last", "tf32", "profile")),
)
MOST_NAMED = 3  # rows by name
MOST_SEEDS = 12


@dataclass(frozen=True)
class Aspect:
    """Something recorded of each run that should be the same in all."""

    name: str
    of: Callable[[FinishedRun], Hashable]
    spoils: Spoils


ASPECTS = (
    Aspect("training images and validation split", lambda run: run.training_images, "accuracy"),
    Aspect("device", lambda run: run.device, "time"),
    Aspect("threads", lambda run: run.environment.get("threads"), "time"),
    Aspect("number of devices", lambda run: run.environment.get("devices"), "time"),
    Aspect("precision", lambda run: _precision(run), "time"),
    Aspect("torch version", lambda run: run.environment.get("torch"), ""),
    Aspect("cnnlab version", lambda run: run.environment.get("cnnlab"), ""),
    Aspect("code version (git commit)", lambda run: run.environment.get("commit"), ""),
)


def findings(
    rows: Sequence[Configuration], keys: Sequence[str], axes: Sequence[Axis]
) -> list[Finding]:
    """What differs, what spoils the comparison first."""
    trained = [row for row in rows if row.runs and not row.members]
    found = [*_options(trained, keys, axes), *_aspects(trained, axes), *_seeds(trained)]
    order = ("accuracy", "time", "")
    return sorted(found, key=lambda finding: order.index(finding.spoils))


def _options(
    rows: Sequence[Configuration], keys: Sequence[str], axes: Sequence[Axis]
) -> Iterable[Finding]:
    """Options that go along with a swept one."""
    swept = {axis.key for axis in axes}
    for key in keys:
        own = [row for row in rows if key in row.shown]
        values = [(row.label, as_typed(row.shown[key], digits=6)) for row in own]
        # A model's own options, and the model and the data themselves, are what is compared.
        is_subject = key.split(".")[0] == "model" or key in ("data", "sources.model")
        if key in swept or is_subject or len({value for _, value in values}) < 2:
            continue
        spoils: Spoils = next((s for start, s in SPOILERS if key.startswith(start)), "")
        yield Finding(f"{key}: {_who(values)}", spoils)


def _aspects(rows: Sequence[Configuration], axes: Sequence[Axis]) -> Iterable[Finding]:
    is_swept_data = any(axis.key.split(".")[0] == "data" for axis in axes)
    for aspect in ASPECTS:
        if aspect.name.startswith("training images") and is_swept_data:
            continue
        values = [(row, run, aspect.of(run)) for row in rows for run in row.runs]
        known = {value for _, _, value in values if value is not None}
        if len(known) < 2:
            continue
        shown = _shown_values(known)
        named = [
            (_of_run(row, run, aspect), shown[value])
            for row, run, value in values
            if value is not None
        ]
        yield Finding(f"{aspect.name}: {_who(named)}", aspect.spoils)


def _of_run(row: Configuration, run: FinishedRun, aspect: Aspect) -> str:
    """The row where all its runs agree, else the run."""
    agree = len({aspect.of(other) for other in row.runs}) == 1
    return row.label if agree else f"{row.label} (seed {run.seed})"


def _shown_values(values: Iterable[Hashable]) -> dict[Hashable, str]:
    return {value: as_typed(value) for value in values}


def _who(named: Sequence[tuple[str, str]]) -> str:
    """``12 in resnet20; 10 in the other 3``, the rarest value first."""
    holders: dict[str, dict[str, None]] = defaultdict(dict)
    for name, value in named:
        holders[value][name] = None
    rarest = sorted(holders, key=lambda value: len(holders[value]))
    parts = []
    for value in rarest:
        names = list(holders[value])
        if value == rarest[-1] and len(rarest) > 1 and len(names) > MOST_NAMED:
            parts.append(f"{value} in the other {len(names)}")
        else:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            parts.append(f"{value} in {', '.join(names[:MOST_NAMED])}{more}")
    return "; ".join(parts)


def _seeds(rows: Sequence[Configuration]) -> Iterable[Finding]:
    """The seeds that some rows have and others lack."""
    have = {row.label: {run.seed for run in row.runs} for row in rows}
    every = set().union(*have.values())
    if not have or all(seeds == every for seeds in have.values()):
        return
    common = sorted(every.intersection(*have.values()))
    used = f"paired tests use the common ones: {_numbers(common)}" if common else "none in common"
    common_gaps = Counter(tuple(sorted(every - seeds)) for seeds in have.values() if seeds != every)
    parts = []
    for lacking, _ in common_gaps.most_common(MOST_NAMED):
        names = [label for label, seeds in have.items() if every - seeds == set(lacking)]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        verb = "lacks" if len(names) == 1 else "lack"
        seeds = plural(len(lacking), "seed").partition(" ")[2]
        parts.append(f"{', '.join(names[:MOST_NAMED])}{more} {verb} {seeds} {_numbers(lacking)}")
    parts += (
        [f"{len(common_gaps) - MOST_NAMED} more sets of seeds"]
        if len(common_gaps) > MOST_NAMED
        else []
    )
    yield Finding(f"seeds: {'; '.join(parts)} ({used})")


def _numbers(seeds: Sequence[int]) -> str:
    shown = ", ".join(map(str, seeds[:MOST_SEEDS]))
    more = len(seeds) - MOST_SEEDS
    return f"{shown} and {more} more" if more > 0 else shown


def _precision(run: FinishedRun) -> Any:
    precision = run.result.get("precision")
    return None if precision is None else precision_option(precision)
