"""What was asked, what varied and what was equal, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.finished import FinishedRun
from cnnlab.config.flags import flags
from cnnlab.text import as_typed, plural, precision_option

MOST_NAMED = 8
MOST_VALUES = 12
# The options that a reader looks for, and their names; others are listed below them.
WELL_KNOWN = {
    "model": "model",
    "data": "data set",
    "data.subset": "subset of the training images",
    "trainer.epochs": "epochs",
    "trainer.max_steps": "steps at most",
    "batch_size": "batch size",
    "optim": "optimiser",
    "optim.lr": "learning rate",
    "optim.momentum": "momentum",
    "optim.weight_decay": "weight decay",
    "schedule": "schedule",
    "schedule.warmup_epochs": "warm-up epochs",
    "loss": "loss",
    "loss.label_smoothing": "label smoothing",
    "trainer.early_stopping": "early stopping",
    "init.from": "initial weights",
}
NONE = (None, False, 0)  # of an option that does nothing, which is not worth a line
AUGMENT = "data.augment."


@dataclass(frozen=True)
class Overview:
    """Attributes:
    question: one sentence.
    varied: options and their values.
    equal: what a reader looks for: name and value.
    others: all other options that were equal: key and value.
    """

    question: str
    varied: list[tuple[str, str]]
    equal: list[tuple[str, str]]
    others: list[tuple[str, str]]


def overview(comparison: Comparison) -> Overview:
    """What a comparison is of."""
    runs = [run for row in comparison.rows if not row.members for run in row.runs]
    swept = {axis.key for axis in comparison.axes}
    varied = [(axis.key, _values(axis.values)) for axis in comparison.axes]
    for key in comparison.keys:
        values = list(dict.fromkeys(run.shown[key] for run in runs if key in run.shown))
        if key not in swept and len(values) > 1:
            varied.append((f"{key} (not swept)", _values(values)))
    varied.append(("seed", _values(sorted({run.seed for run in runs}))))
    same = _equal_options(runs)
    equal = [(name, as_typed(same[key])) for key, name in WELL_KNOWN.items()
             if key in same and same[key] not in NONE]  # fmt: skip
    return Overview(
        question=_question(comparison, runs),
        varied=varied,
        equal=[*equal, *_augmentation(same), *_recorded(runs)],
        others=[
            (key, as_typed(value)) for key, value in sorted(same.items()) if key not in WELL_KNOWN
        ],
    )


def _question(comparison: Comparison, runs: Sequence[FinishedRun]) -> str:
    """Which configurations, on which data, how often."""
    trained = [row for row in comparison.rows if row.runs and not row.members]
    parts = []
    for group, noun in (("model", "models"), ("data", "data sets")):
        names = list(dict.fromkeys(str(run.shown[group]) for run in runs))
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        several = f"the {noun} " if len(names) > 1 else ""
        parts.append(f"{several}{', '.join(names[:MOST_NAMED])}{more}")
    counts = sorted({len(row.runs) for row in trained})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    each = f"{seeds} seed{'s' if counts[-1] > 1 else ''}" + (" each" if len(trained) > 1 else "")
    text = (
        f"{plural(len(trained), 'configuration')} of {parts[0]} on {parts[1]}, {each}: "
        f"{plural(len(runs), 'finished run')}"
    )
    ensembles = sum(row.members > 0 for row in comparison.rows)
    elsewhere = sum(bool(row.source) for row in comparison.rows)
    text += f", {plural(ensembles, 'ensemble')}" if ensembles else ""
    return text + (f", {plural(elsewhere, 'result')} made elsewhere" if elsewhere else "")


def _values(values: Sequence[Any]) -> str:
    shown = ", ".join(as_typed(value, 6) for value in values[:MOST_VALUES])
    more = len(values) - MOST_VALUES
    return f"{shown} and {more} more" if more > 0 else shown


def _equal_options(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """The options that all runs have, with the same value; not those of where a run is stored."""
    if not runs:
        return {}
    first, *others = (run.shown for run in runs)
    return {
        key: value
        for key, value in first.items()
        if flags(key).column != "never" and not key.startswith("sources.") and key != "seed"
        if all(key in other and other[key] == value for other in others)
    }


def _augmentation(same: dict[str, Any]) -> list[tuple[str, str]]:
    """In one line, where it was equal."""
    own = {key.removeprefix(AUGMENT): v for key, v in same.items() if key.startswith(AUGMENT)}
    if not own:
        return []
    active = [f"{k} {as_typed(v)}" for k, v in own.items() if v not in NONE and k != "padding"]
    listed = [str(same["augment"])] if same.get("augment") else []
    return [("augmentation", ", ".join([*active, *listed]) or "none")]


def _recorded(runs: Sequence[FinishedRun]) -> list[tuple[str, str]]:
    """What every run has recorded, where it is the same in all."""

    def counts(run: FinishedRun) -> str | None:
        names = ("num_train", "num_val", "num_test")
        if any(name not in run.result for name in names):
            return None
        return " / ".join(f"{run.result[name]:,}" for name in names)

    aspects: list[tuple[str, Callable[[FinishedRun], str | None]]] = [
        ("images (train / val / test)", counts),
        ("split", lambda run: run.training_images),
        ("precision", lambda run: precision_option(str(run.result.get("precision", ""))) or None),
        ("device", lambda run: run.device),
    ]
    found = [(name, {of(run) for run in runs}) for name, of in aspects]
    return [(name, str(v)) for name, values in found for v in values if len(values) == 1 and v]
