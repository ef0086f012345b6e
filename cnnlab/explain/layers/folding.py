"""Shortening a table: one row for each part of a network, and one for consecutive equal parts."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnlab.explain.layers.row import Row

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)$")


@dataclass(frozen=True)
class _Part:
    """A row, and a key that is equal for equal parts."""

    row: Row
    key: Any


def fold(rows: Sequence[Row], depth: int, classes: Mapping[str, str]) -> list[Row]:
    """Rows with at most ``depth`` names in their path. ``classes``: path -> class of its module."""
    parts = []
    for (path, _), group in itertools.groupby(
        rows, lambda row: (_cut(row.name, depth), _is_unused(row))
    ):
        within = list(group)
        is_one_row = len(within) == 1 and within[0].name == path
        row = within[0] if is_one_row else _sum(path, within, classes)
        parts.append(_Part(row, [_without_place(one, path) for one in within]))
    return _without_repeats(parts)


def _cut(name: str, depth: int) -> str:
    return ".".join(name.split(".")[:depth])


def _is_unused(row: Row) -> bool:
    return row.operation == "unused"  # not summed with rows that the forward pass uses


def _without_place(row: Row, path: str) -> Row:
    """The row without what depends on its position in the network."""
    return replace(row, name=row.name.removeprefix(path), receptive_field=None)


def _sum(path: str, rows: Sequence[Row], classes: Mapping[str, str]) -> Row:
    last = next((row for row in reversed(rows) if row.output), rows[-1])  # not a row of parameters
    return Row(
        name=path,
        operation="unused" if _is_unused(last) else classes.get(path, ""),
        output=last.output,
        parameters=sum(row.parameters for row in rows),
        macs=sum(row.macs for row in rows),
        receptive_field=last.receptive_field,
        activation_bytes=sum(row.activation_bytes for row in rows),
    )


def _without_repeats(parts: Sequence[_Part]) -> list[Row]:
    rows: list[Row] = []
    first: _Part | None = None  # of the current series
    for part in parts:
        if first is not None and _follows(first, rows[-1].repeats, part):
            rows[-1] = _joined(first.row, part.row, rows[-1].repeats + 1)
        else:
            first = part
            rows.append(part.row)
    return rows


def _follows(first: _Part, repeats: int, part: _Part) -> bool:
    """True if ``part`` continues a series that begins with ``first``."""
    start, this = _NUMBERED.match(first.row.name), _NUMBERED.match(part.row.name)
    if start is None or this is None or first.key != part.key:
        return False
    return start["stem"] == this["stem"] and int(start["number"]) + repeats == int(this["number"])


def _joined(first: Row, last: Row, repeats: int) -> Row:
    number = _NUMBERED.match(last.name)
    assert number is not None
    return replace(
        first,
        name=f"{first.name}-{number['number']}",
        parameters=first.parameters * repeats,
        macs=first.macs * repeats,
        activation_bytes=first.activation_bytes * repeats,
        receptive_field=last.receptive_field,
        repeats=repeats,
    )
