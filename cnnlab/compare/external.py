"""Results made elsewhere: a CSV file with columns for key, seed and accuracy.

They stand beside one's own, marked as such. Nothing is known of how they were made.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cnnlab.metrics import METRICS, Metric
from cnnlab.registry import CnnlabError, nearest
from cnnlab.runs.read_file import reason, require_file

NAMES = ("key", "model", "name", "configuration")  # the column that says what a line is of
SEED = "seed"
COSTS = ("params", "macs", "train_seconds", "images_per_second", "latency_seconds")


@dataclass(frozen=True)
class ExternalResult:
    """The lines of one key.

    Attributes:
        results: as in result.json: seed (not where none is given), the test column, costs.
    """

    name: str
    source: str
    results: list[dict[str, Any]]


def is_external(path: str | Path) -> bool:
    """Whether a path names a CSV file and not runs."""
    return Path(path).suffix.lower() == ".csv"


def read_external(path: str | Path, metric: Metric) -> list[ExternalResult]:
    """The results in a CSV file, by key in its order.

    Its columns: key (or model), the primary metric (``accuracy``, ``acc`` or ``test_acc``; in
    percent where a value is above 1), optionally seed, params, macs, train_seconds,
    images_per_second, latency_seconds. Other columns are ignored.

    Raises:
        CnnlabError: the file cannot be read, lacks a column or holds what is not a result.
    """
    file = Path(os.path.expanduser(path))
    try:
        require_file(file)
        table = pd.read_csv(file, skipinitialspace=True, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise CnnlabError(f"{path}: {reason(error)}") from error
    table.columns = table.columns.str.strip().str.lower()
    key = _column(path, table, NAMES)
    score = _column(path, table, (metric.name, metric.column, f"test_{metric.column}"))
    if table.empty:
        raise CnnlabError(f"{path}: has no results below its first line")
    rows = [_result(path, line, row, score, metric) for line, row in _lines(table)]
    _to_fractions(path, rows, metric)
    found: dict[str, ExternalResult] = {}
    for (line, row), result in zip(_lines(table), rows, strict=True):
        name = str(row[key]).strip()
        if not name:
            raise CnnlabError(f"{path}, line {line}: {key} is empty")
        entry = found.setdefault(name, ExternalResult(name, Path(path).name, []))
        if "seed" in result and any(r.get("seed") == result["seed"] for r in entry.results):
            raise CnnlabError(f"{path}, line {line}: {name} has seed {result['seed']} twice")
        entry.results.append(result)
    return list(found.values())


def _column(path: str | Path, table: pd.DataFrame, names: Iterable[str]) -> str:
    names = list(dict.fromkeys(names))
    for name in names:
        if name in table:
            return name
    choice = f"'{names[0]}' (or {', '.join(names[1:])})"
    raise CnnlabError(f"{path}: no column {choice}{nearest(names[0], list(table.columns))}")


def _lines(table: pd.DataFrame) -> Iterable[tuple[int, dict[Any, Any]]]:
    """Each line with its number in the file, which starts with the heading."""
    return enumerate(table.to_dict("records"), start=2)


def _result(
    path: str | Path, line: int, row: dict[Any, Any], score: str, metric: Metric
) -> dict[str, Any]:
    result: dict[str, Any] = {f"test_{metric.column}": _number(path, line, row, score)}
    if str(row.get(SEED, "")).strip():
        seed = _number(path, line, row, SEED)
        if seed != int(seed) or seed < 0:
            raise CnnlabError(f"{path}, line {line}: seed={row[SEED]} is not a whole number")
        result["seed"] = int(seed)
    for cost in COSTS:
        if str(row.get(cost, "")).strip():
            result[cost] = _number(path, line, row, cost)
            if result[cost] <= 0:
                raise CnnlabError(f"{path}, line {line}: {cost}={row[cost]} is not above 0")
    return result


def _number(path: str | Path, line: int, row: dict[Any, Any], column: str) -> float:
    text = str(row[column]).strip().removesuffix("%").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CnnlabError(f"{path}, line {line}: {column}={row[column]!r} is not a number")
    return value


def _to_fractions(path: str | Path, rows: list[dict[str, Any]], metric: Metric) -> None:
    """Percent to fractions, where a value shows that they are percent; refuse what is neither."""
    column = f"test_{metric.column}"
    low, high = metric.bounds
    if metric == METRICS["accuracy"] and any(row[column] > high for row in rows):
        for row in rows:
            row[column] /= metric.scale
    for line, row in enumerate(rows, start=2):
        if not low <= row[column] <= high:
            shown = metric.show(row[column])
            raise CnnlabError(f"{path}, line {line}: {metric.label} of {shown} is not possible")
