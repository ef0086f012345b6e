"""The options that were swept, and the cells of their grid that have no result.

An option is an axis where two configurations differ in it alone. Where it varies otherwise, it goes
along with another one, and the comparison cannot tell the effects of the two apart.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from cnnlab.compare.comparison import Axis
from cnnlab.compare.configurations import ABSENT, label
from cnnlab.runs.flat import Flat
from cnnlab.text import plural

LOG_RANGE = 10  # a number that is swept over less than this factor has a linear axis
MOST_NAMED = 5


def find_axes(rows: Sequence[Flat], keys: Sequence[str]) -> list[Axis]:
    """The keys in which two rows differ alone, of ``keys``, in which rows differ at all."""
    return [_axis(key, rows) for key in keys if _is_axis(key, rows, keys)]


def _is_axis(key: str, rows: Sequence[Flat], keys: Sequence[str]) -> bool:
    # The options of a choice (model.depth) come and go with it.
    others = [k for k in keys if k != key and k.split(".")[0] != key]
    values: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for row in rows:
        values[tuple(row.get(k, ABSENT) for k in others)].add(row.get(key, ABSENT))
    return any(len(found) > 1 for found in values.values())


def _axis(key: str, rows: Sequence[Flat]) -> Axis:
    found = list(dict.fromkeys(row[key] for row in rows if key in row))
    is_number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in found)
    values = sorted(found) if is_number else found
    return Axis(key, tuple(values), is_number, is_number and _is_geometric(values))


def _is_geometric(values: Sequence[float]) -> bool:
    """Whether ratios of neighbours vary less than their differences, over a factor of ten."""
    if len(values) < 2 or values[0] <= 0 or values[-1] / values[0] < LOG_RANGE:
        return False
    pairs = list(itertools.pairwise(values))
    ratios = [math.log(high / low) for low, high in pairs]
    differences = [high - low for low, high in pairs]
    return max(ratios) / min(ratios) <= max(differences) / min(differences)


def missing_cells(rows: Sequence[Flat], axes: Sequence[Axis]) -> list[str]:
    """Notes on the cells of a grid of axes that no row fills, where most are filled.

    The options of one model alone are no axis of the others' grid.
    """
    keys = [axis.key for axis in axes if all(axis.key in row for row in rows)]
    grid: Mapping[str, Sequence[Any]] = {a.key: a.values for a in axes if a.key in keys}
    present = {tuple(row[key] for key in keys) for row in rows}
    missing = [cell for cell in itertools.product(*grid.values()) if cell not in present]
    if not missing or len(missing) >= len(present):
        return []
    names = [_name(dict(zip(keys, cell, strict=True))) for cell in missing[:MOST_NAMED]]
    more = f"; and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    cells = plural(len(missing), "cell")
    return [f"{cells} of the grid without a result: {'; '.join(names)}{more}"]


def _name(cell: Flat) -> str:
    """As rows are named: a choice by its name alone."""
    return label(cell | {f"{group}.name": None for group in ("model", "data")}, list(cell))
