"""The columns of a comparison's table, as people read them, its title and its caption."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.costs import COSTS
from cnnlab.compare.statistics.summary import interval_factor
from cnnlab.metrics import METRICS, Metric, find_metric
from cnnlab.text import as_typed

CAPTION = "mean ± SD over n seeds, [95% t interval of the mean]."
BINOMIAL = (
    "± test set: the binomial standard error of one accuracy, which other test images would cause; "
    "more seeds do not reduce it, and SD does not contain it."
)


@dataclass(frozen=True)
class Column:
    """One column of the table. ``cells`` of more than one part can be stacked."""

    heading: tuple[str, ...]
    cells: list[tuple[str, ...]]
    is_name: bool = False
    is_cost: bool = False


def title(comparison: Comparison) -> str:
    """``Comparison: 4 models on digits``."""
    return f"Comparison: {comparison.title}"


def caption(comparison: Comparison) -> str:
    """What the numbers are, and which error is which."""
    sample = " * measured on a sample of the images." if any(_on_samples(comparison)) else ""
    binomial = f" {BINOMIAL}" if _has_binomial(comparison) else ""
    return f"{comparison.metric.caption}: {CAPTION}{binomial}{sample}"


def warnings_on_n(comparison: Comparison) -> list[str]:
    """How little few seeds tell, by the smallest n among the rows of runs; no full stop."""
    counts = [len(row.results) for row in comparison.rows if row.runs and not row.members]
    least = min(counts, default=4)
    if least == 1:
        return ["a row with n = 1 has no interval: one run does not show the spread over seeds"]
    if least > 3:
        return []
    wide = "with 3 seeds the interval is wide" if least == 3 else "only 2 seeds"
    return [f"{wide}: {interval_factor(least):.2f} standard errors to either side"]


def _on_samples(comparison: Comparison) -> list[bool]:
    """Of each row, whether ``trainer.max_eval_steps`` limited its evaluation."""
    table = comparison.table
    return [cell in (True,) for cell in table.get("partial", [False] * len(table))]


def _has_binomial(comparison: Comparison) -> bool:
    return bool(comparison.table[f"test_{comparison.metric.column}_binomial"].notna().any())


def columns(comparison: Comparison) -> list[Column]:
    """Those that name a configuration, then n, test and validation, then the known costs."""
    table, metric = comparison.table, comparison.metric
    names = [
        _single(key, [as_typed(v, digits=6) for v in table[key]], is_name=True)
        for key in comparison.keys
    ]
    samples = zip(table["n"], _on_samples(comparison), strict=True)
    tested = [_tested(row, metric) for row in table.to_dict("records")]
    measured = [
        _single("n", [f"{n}{'*' * partial}" for n, partial in samples]),
        Column((f"test {metric.heading}",), tested),
        *_of(table, f"test_{metric.column}_binomial", metric, "± test set"),
        *_of(table, f"val_{metric.column}", metric, f"val {metric.heading}"),
    ]
    for extra in _extra_metrics(comparison):
        measured += _of(table, f"test_{extra.column}", extra, f"test {extra.heading}")
    costs = [column for name in COSTS for column in _cost(comparison, METRICS[name])]
    devices = list(table["device"])
    if len(set(filter(None, devices))) > 1:
        costs.append(_single("device", devices, is_cost=True))
    return [*names, *measured, *costs]


def _single(
    heading: str, cells: Sequence[str], *, is_name: bool = False, is_cost: bool = False
) -> Column:
    return Column((heading,), [(cell,) for cell in cells], is_name, is_cost)


def _of(
    table: pd.DataFrame, name: str, metric: Metric, heading: str, *, is_cost: bool = False
) -> list[Column]:
    """The column of a metric, empty where it is not known; none where it is known nowhere."""
    if name not in table or table[name].isna().all():
        return []
    cells = ["" if pd.isna(value) else metric.cell(value) for value in table[name]]
    return [_single(heading, cells, is_cost=is_cost)]


def _cost(comparison: Comparison, cost: Metric) -> list[Column]:
    heading = cost.heading
    if cost == METRICS["time to target"] and comparison.target is not None:
        heading = f"to {comparison.metric.show(comparison.target)}".replace(".00%", "%")
    return _of(comparison.table, cost.column, cost, heading, is_cost=True)


def _extra_metrics(comparison: Comparison) -> list[Metric]:
    """What all runs were asked to measure beside the primary metric: in validation and test."""
    names = map(str, comparison.curves)
    measured = [name.removeprefix("val_") for name in names if name.startswith("val_")]
    metrics = [find_metric(column) for column in measured if f"test_{column}" in comparison.table]
    return [m for m in metrics if m is not None and m != comparison.metric]


def _tested(row: dict[Any, Any], metric: Metric) -> tuple[str, ...]:
    column = f"test_{metric.column}"
    mean, sd, low, high = (
        metric.cell(row[f"{column}{part}"]) for part in ("", "_sd", "_low", "_high")
    )
    return (mean, "") if row["n"] == 1 else (f"{mean} ± {sd}", f"[{low}, {high}]")
