"""The table of a comparison: a line for each configuration, its runs taken together."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cnnlab.compare.comparison import Configuration
from cnnlab.compare.configurations import ABSENT
from cnnlab.compare.costs import FROM_RESULTS, seconds_to
from cnnlab.compare.statistics.summary import binomial_error, summarize
from cnnlab.metrics import LOSS, Metric, find_metric, split_of

SECONDS_TO_TARGET = "seconds_to_target"


def make_table(
    rows: Sequence[Configuration], keys: Sequence[str], metric: Metric, target: float | None
) -> pd.DataFrame:
    """See :class:`~cnnlab.compare.comparison.Comparison`."""
    return pd.DataFrame([_line(row, keys, metric, target) for row in rows])


def _line(
    row: Configuration, keys: Sequence[str], metric: Metric, target: float | None
) -> dict[str, Any]:
    test_column, val_column = f"test_{metric.column}", f"val_{metric.column}"
    test = summarize([float(r[test_column]) for r in row.results], metric.bounds)
    validated = [float(r[val_column]) for r in row.results if val_column in r]
    validation = summarize(validated) if validated else None
    cells = {key: row.shown.get(key, ABSENT) for key in keys}
    seeds = [str(r["seed"]) for r in row.results if "seed" in r]
    times = [seconds_to(target, run, metric) for run in row.runs]
    # null as it is typed: pandas would make NaN of it
    return {key: "null" if value is None else value for key, value in cells.items()} | {
        "seeds": "" if row.members else " ".join(seeds),
        **({"partial": True} if any(run.is_partial for run in row.runs) else {}),
        "n": test.n,
        test_column: test.mean,
        f"{test_column}_sd": test.sd,
        f"{test_column}_low": test.low,
        f"{test_column}_high": test.high,
        f"{test_column}_binomial": _binomial(row, test.mean, metric),
        val_column: validation.mean if validation else math.nan,
        f"{val_column}_sd": validation.sd if validation else math.nan,
        **{column: _mean(row.results, column) for column in _also_measured(row, metric)},
        **{column: _mean(row.results, column) for column in FROM_RESULTS},
        SECONDS_TO_TARGET: float(np.mean(times)) if times else math.nan,
        "device": " / ".join(dict.fromkeys(run.device for run in row.runs)),
    }


def _binomial(row: Configuration, accuracy: float, metric: Metric) -> float:
    images = {int(r.get("num_test", 0)) for r in row.results}
    if metric.bounds != (0, 1) or len(images) != 1 or 0 in images:
        return math.nan
    return binomial_error(accuracy, images.pop())


def _also_measured(row: Configuration, metric: Metric) -> list[str]:
    """What all runs measured on the test set beside the primary metric and a loss."""
    return [
        column
        for column in row.results[0]
        if split_of(column) == "test"
        and find_metric(column) != LOSS
        and column != f"test_{metric.column}"
        and all(column in r for r in row.results)
    ]


def _mean(results: Sequence[Mapping[str, Any]], column: str) -> Any:
    """A number that all share as it is (counts stay whole); NaN unless all have it."""
    values = [r.get(column, math.nan) for r in results]
    return values[0] if len(set(values)) == 1 else float(np.mean(values))


def make_runs(rows: Sequence[Configuration]) -> pd.DataFrame:
    """A line for each run: label, seed, run, and all numbers of its result."""
    lines = []
    for row in rows:
        folders = [str(run.folder) for run in row.runs] or [row.source] * len(row.results)
        for folder, result in zip(folders, row.results, strict=True):
            numbers = {k: v for k, v in result.items() if isinstance(v, int | float)}
            lines.append({"label": row.label, "run": folder, **numbers})
    return pd.DataFrame(lines)


def make_curves(rows: Sequence[Configuration]) -> pd.DataFrame:
    """One row per run and epoch: label, seed, run and the columns of metrics.csv."""
    named = [(row, run) for row in rows for run in row.runs if not run.is_ensemble]
    if not named:
        return pd.DataFrame({"epoch": [], "label": [], "seed": [], "run": []})
    epochs = [len(run.metrics) for _, run in named]
    return pd.concat([run.metrics for _, run in named], ignore_index=True).assign(
        label=np.repeat([row.label for row, _ in named], epochs),
        seed=np.repeat([run.seed for _, run in named], epochs),
        run=np.repeat([str(run.folder) for _, run in named], epochs),
    )
