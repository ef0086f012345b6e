"""What tells configurations apart: configs made flat, and the keys in which they differ.

The runs of one configuration differ in their seed alone.
"""

import itertools
from collections.abc import Sequence
from typing import Any

from cnnlab.config.flags import flags, run_flags
from cnnlab.runs.flat import Flat
from cnnlab.text import as_typed

ABSENT = "-"  # what a row shows for an option that its component does not have


def varying_keys(rows: Sequence[Flat]) -> list[str]:
    """The keys that tell the rows of :func:`with_choices` apart, model and data first.

    A group's options count only among rows of the same choice: depth does not vary between a
    resnet, which has one, and a lenet5, which has none.
    """
    names = dict.fromkeys(key for row in rows for key in row if flags(key).column != "never")
    # Where nothing else tells two rows apart: the folder of somebody's own pictures, the run that
    # was continued, the version or code of the model, the data set and so on.
    last = [key for key, flag in run_flags().items() if flag.column == "last resort"]
    last += [key for key in names if key.startswith("sources.")]
    keys = [key for key in names if key not in last and _varies(key, rows)]
    for key in last:
        if len({tuple(row.get(key, ABSENT) for key in keys) for row in rows}) < len(rows):
            keys += [key] if _varies(key, rows) else []
    leading = ("model", "data")
    return sorted(keys, key=lambda key: [key.split(".")[0] != group for group in leading])


def _varies(key: str, rows: Sequence[Flat]) -> bool:
    group = key.split(".")[0]
    values_by_choice: dict[Any, set[Any]] = {}
    for row in rows:
        choice = row.get(group) if key != group else None
        values_by_choice.setdefault(choice, set()).add(row.get(key, ABSENT))
    return any(len(values) > 1 for values in values_by_choice.values())


def label(row: Flat, keys: Sequence[str]) -> str:
    """A row's name in pictures: ``resnet20, lr=0.1``."""
    last = [key.split(".")[-1] for key in keys]
    parts = []
    for key, short in zip(keys, last, strict=True):
        if f"{key}.name" in row:
            parts.append(str(row[key]))
        elif key in row:
            parts.append(
                f"{short if last.count(short) == 1 else key}={as_typed(row[key], digits=6)}"
            )
    return ", ".join(parts) or str(row.get("model", ""))


def unique(labels: Sequence[str]) -> list[str]:
    """The labels, those that several rows have made different by a number: ``mlp (2)``."""
    found: list[str] = []
    for name in labels:
        numbered = (f"{name} ({number})" for number in itertools.count(2))
        found.append(next(word for word in itertools.chain([name], numbered) if word not in found))
    return found
