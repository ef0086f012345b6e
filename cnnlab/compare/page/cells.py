"""The tables of the page: configurations, tests of their differences, single runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.configurations import ABSENT
from cnnlab.compare.costs import COSTS
from cnnlab.compare.page.chart import mean_and_sd
from cnnlab.compare.statistics.pairs import NO_CLAIM
from cnnlab.metrics import METRICS, Metric, find_metric
from cnnlab.text import as_typed

MOST_PAIRS = 100
MOST_RUNS = 1000


@dataclass(frozen=True)
class Cell:
    """A text, and the number that it is sorted by; None sorts last."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Column:
    """One column; ``note`` explains its heading."""

    heading: str
    cells: list[Cell]
    is_number: bool = True
    note: str = ""


def configuration_columns(comparison: Comparison) -> list[Column]:
    """The options that tell rows apart, n, the test, validation, and costs that any row has."""
    table, metric = comparison.table, comparison.metric
    options = [_options(key, list(table[key])) for key in comparison.keys]
    # What is the row's whole name already needs no column.
    columns = [
        column
        for column in options
        if [cell.text for cell in column.cells] != comparison.labels
        and len({cell.text for cell in column.cells} - {ABSENT}) > 1
    ]
    columns.append(Column("n", [Cell(str(n), float(n)) for n in table["n"]], note="seeds"))
    test, val = f"test_{metric.column}", f"val_{metric.column}"
    columns += [
        _numbers(comparison, test, f"test {metric.heading}", f"{test}_sd", "mean ± SD over seeds"),
        _interval(comparison, test),
        _numbers(comparison, f"{test}_binomial", "binomial ±", note="standard error of one "
                 "accuracy on this test set"),
        _numbers(comparison, val, f"val {metric.heading}", f"{val}_sd", "mean ± SD over seeds"),
    ]  # fmt: skip
    for column in table.columns:
        extra = find_metric(column) if str(column).startswith("test_") else None
        if extra is not None and column != test:
            columns.append(_numbers(comparison, column, f"test {extra.heading}"))
    for name in COSTS:
        if METRICS[name].column in table:
            columns.append(_cost(comparison, METRICS[name]))
    return [column for column in columns if any(cell.text for cell in column.cells)]


def _options(key: str, values: Sequence[object]) -> Column:
    known = [v for v in values if v != ABSENT]
    is_number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
    cells = [
        Cell(as_typed(v, 6), float(v) if is_number and isinstance(v, int | float) else None)
        for v in values
    ]
    return Column(key, cells, is_number)


def _numbers(
    comparison: Comparison, column: str, heading: str, sd: str = "", note: str = ""
) -> Column:
    """Values of a metric, of the primary one where the column is derived from it."""
    table = comparison.table
    metric = find_metric(column, comparison.metric) or comparison.metric
    if column not in table:
        return Column(heading, [])
    spreads = table[sd] if sd in table else [math.nan] * len(table)
    cells = [
        Cell(mean_and_sd(metric, mean, spread), mean) if math.isfinite(mean) else Cell("")
        for mean, spread in zip(table[column], spreads, strict=True)
    ]
    return Column(heading, cells, note=note)


def _interval(comparison: Comparison, test: str) -> Column:
    metric, table = comparison.metric, comparison.table
    cells = [
        Cell(f"[{metric.cell(low)}, {metric.cell(high)}]", high - low)
        if math.isfinite(low)
        else Cell("")
        for low, high in zip(table[f"{test}_low"], table[f"{test}_high"], strict=True)
    ]
    return Column("95% interval", cells, note="t interval of the mean over seeds")


def _cost(comparison: Comparison, cost: Metric) -> Column:
    values = comparison.table[cost.column].astype(float)
    cells = [Cell(cost.cell(v), v) if math.isfinite(v) else Cell("") for v in values]
    heading, note = cost.heading, cost.axis()
    if cost.column == "seconds_to_target" and comparison.target is not None:
        target = comparison.metric.show(comparison.target)
        heading, note = f"time to {target}", f"training time until validation reaches {target}"
    return Column(heading, cells, note=note)


def pair_columns(comparison: Comparison) -> tuple[list[Column], int]:
    """The tests, those of the best rows alone where there are many, and how many are left out."""
    pairs, metric = comparison.pairs, comparison.metric
    if pairs.empty:
        return [], 0
    shown = pairs
    if len(pairs) > MOST_PAIRS and comparison.reference is None:
        best = comparison.labels[: math.isqrt(2 * MOST_PAIRS)]
        shown = pairs[pairs["first"].isin(best) & pairs["second"].isin(best)]
    unit = " (points)" if metric.unit == "%" else ""

    def p_value(value: float) -> Cell:
        if not math.isfinite(value):
            return Cell("")
        return Cell("< 0.001" if value < 0.001 else f"{value:.3f}", value)

    rows = shown.to_dict("records")
    columns = [
        Column("first", [Cell(str(r["first"])) for r in rows], is_number=False),
        Column("second", [Cell(str(r["second"])) for r in rows], is_number=False),
        Column(
            f"difference{unit}",
            [Cell(metric.show_difference(r["difference"]), r["difference"]) for r in rows],
            note="first minus second, on the test set",
        ),
        Column(
            "95% interval",
            [
                Cell(
                    f"[{metric.show_difference(r['low'])}, {metric.show_difference(r['high'])}]",
                    r["high"] - r["low"],
                )
                if math.isfinite(r["low"])
                else Cell("")
                for r in rows
            ],
            note="of this difference alone",
        ),
        Column("p", [p_value(r["p"]) for r in rows]),
        Column("p (Holm)", [p_value(r["p_holm"]) for r in rows], note="corrected for all tests"),
        Column("test", [Cell(_test(r)) for r in rows], is_number=False),
        Column("verdict", [Cell(_verdict(r)) for r in rows], is_number=False),
    ]
    return columns, len(pairs) - len(shown)


def _test(row: "dict[object, object]") -> str:
    first, second = row["n_first"], row["n_second"]
    n = f"n = {first}" if first == second else f"n = {first}, {second}"
    return f"{row['test']}, {n}" if row["test"] else ""


def _verdict(row: "dict[object, object]") -> str:
    if row["verdict"] != NO_CLAIM:
        return f"{row['verdict']}"
    return f"{NO_CLAIM}: {row['reason']}"


def run_columns(comparison: Comparison) -> tuple[list[Column], int]:
    """Every run: row, seed, test, validation, training time, folder; and how many are left out."""
    runs, metric = comparison.runs.head(MOST_RUNS), comparison.metric
    columns = [Column("configuration", [Cell(str(v)) for v in runs["label"]], is_number=False)]
    if "seed" in runs:
        seeds = [Cell(f"{v:.0f}", v) if math.isfinite(v) else Cell("") for v in runs["seed"]]
        columns.append(Column("seed", seeds))
    shown = [
        *((f"{split}_{metric.column}", f"{split} {metric.heading}", metric)
          for split in ("test", "val")),
        ("train_seconds", METRICS["training time"].heading, METRICS["training time"]),
    ]  # fmt: skip
    for column, heading, of in shown:
        if column in runs:
            cells = [Cell(of.cell(v), v) if math.isfinite(v) else Cell("") for v in runs[column]]
            columns.append(Column(heading, cells))
    columns.append(Column("run", [Cell(str(v)) for v in runs["run"]], is_number=False))
    return columns, len(comparison.runs) - len(runs)
