"""A matrix of numbers typed as ``[[1, 0, 1], [0, 1, 0]]``, and numbers as people write them."""

import math
import re
from typing import Any

import torch
import yaml
from torch import Tensor

from cnnlab.registry import CnnlabError

EXAMPLE = "[[1,0,1],[0,1,0],[1,0,1]]"
LONGEST_TEXT = 10_000  # characters
LARGEST = 1e9  # sums of products of such numbers are exact, or nearly, in float64
FRACTION = re.compile(r"([+-]?\d{1,9})/(\d{1,9})")


def parse_matrix(text: str, name: str, *, most: int) -> Tensor:
    """Read rows of numbers in brackets: float64 (H, W). Fractions like ``1/9`` are numbers, too.

    Args:
        name: of the option; messages start with it.
        most: rows or columns that the matrix may have.

    Raises:
        CnnlabError: it is not a list of equally long rows of finite numbers, or is too large.
    """
    if len(text) > LONGEST_TEXT:
        raise CnnlabError(f"{name}: {len(text):,} characters are too many for a matrix")
    if text.count("[") > 2 * most + 2:  # YAML takes long for deep nesting
        raise CnnlabError(f"{name} has more than {most} rows; at most {most}x{most} is allowed")
    try:
        # Every scalar stays text: YAML's own numbers know octals and base 60.
        rows = yaml.load(text, Loader=yaml.BaseLoader)  # a safe loader: it calls nothing
    except (yaml.YAMLError, RecursionError):
        rows = None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise CnnlabError(f"{name} '{shown}' is not a list of rows like '{EXAMPLE}'")
    _check_size(rows, name, most)
    values = [
        [_number(item, f"{name}, row {i}, column {j}") for j, item in enumerate(row, start=1)]
        for i, row in enumerate(rows, start=1)
    ]
    return torch.tensor(values, dtype=torch.float64)


def _check_size(rows: list[list[Any]], name: str, most: int) -> None:
    if not rows or not rows[0]:
        raise CnnlabError(f"{name} is empty: give rows of numbers like '{EXAMPLE}'")
    for i, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            lengths = f"row 1 has {len(rows[0])}, row {i} has {len(row)}"
            raise CnnlabError(f"{name}: rows must be equally long; {lengths}")
    if max(len(rows), len(rows[0])) > most:
        raise CnnlabError(f"{name} is {len(rows)}x{len(rows[0])}; at most {most}x{most} is allowed")


def _number(item: Any, place: str) -> float:
    if isinstance(item, list):
        raise CnnlabError(f"{place} is a list; a matrix has one channel: rows of numbers")
    value = math.nan
    if isinstance(item, str):
        fraction = FRACTION.fullmatch(item)
        try:
            value = int(fraction[1]) / int(fraction[2]) if fraction else float(item)
        except (ValueError, ZeroDivisionError):
            value = math.nan
    if not math.isfinite(value):
        shown = str(item) if len(str(item)) <= 30 else f"{str(item)[:27]}..."
        raise CnnlabError(f"{place}: '{shown}' is not a finite number")
    if abs(value) > LARGEST:
        raise CnnlabError(f"{place}: {value:g} is out of range (-1e9 to 1e9)")
    return value


def number(value: float) -> str:
    """A whole number in full, another with three decimals: 4.0 -> ``4``, 2.5 -> ``2.5``."""
    if value != 0 and abs(value) < 0.0005:
        return f"{value:.2g}"
    rounded = round(value, 3)
    if rounded == int(rounded):
        return str(int(rounded))
    return f"{rounded:.3f}".rstrip("0")


def as_text(matrix: Tensor) -> str:
    """``[[4, 3], [2, 4]]``"""
    rows = (", ".join(number(value) for value in row) for row in matrix.tolist())
    return f"[{', '.join(f'[{row}]' for row in rows)}]"
