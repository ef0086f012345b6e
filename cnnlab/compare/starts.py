"""What runs start from: rows named by it, and notes on runs that are not independent for it."""

from collections.abc import Callable, Sequence

from cnnlab.compare.finished import MOST_NAMED, FinishedRun
from cnnlab.runs.flat import Flat
from cnnlab.runs.naming import short_source
from cnnlab.text import plural


def dependent_notes(count: int) -> list[str]:
    """A note on runs that continue a run which another one continues too, with another seed."""
    said = "that continue the same run with another seed left out: not independent of it"
    return [f"{plural(count, 'run')} {said}"] if count else []


def caveats_on_starts(ranked: Sequence[Sequence[FinishedRun]], labels: Sequence[str]) -> list[str]:
    """Notes on rows of which some runs start from the same trained weights and some do not."""
    notes = []
    for row, label in zip(ranked, labels, strict=True):
        starts = {run.start for run in row}
        if 1 < len(starts) < len(row):
            notes.append(
                f"the {len(row)} runs of {label} start from {len(starts)} trained runs: "
                "those with the same start are not independent"
            )
    return notes


def shown_rows(ranked: Sequence[Sequence[FinishedRun]]) -> list[Flat]:
    """The flat config of each row's first run, with what all of its runs start from.

    Weights are named by their file or run alone, by their path where rows would look the same.
    """
    rows = []
    names = [_starts(group, short_source) for group in ranked]
    for group, name in zip(ranked, names, strict=True):
        shown = dict(group[0].shown)
        if name:
            is_unique = names.count(name) == 1 or len({_starts(g, str) for g in ranked}) == 1
            shown["init.from"] = name if is_unique else _starts(group, str)
        rows.append(shown)
    return rows


def _starts(group: Sequence[FinishedRun], name: Callable[[str], str]) -> str:
    paths = [run.shown.get("init.from") for run in group]
    named = list(dict.fromkeys(name(path) for path in paths if path is not None))
    return ", ".join(named) if len(named) <= MOST_NAMED else f"{len(named)} runs"
