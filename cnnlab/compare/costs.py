"""What a configuration costs: its cost columns, the time to a given accuracy, the Pareto front."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cnnlab.compare.comparison import Configuration
from cnnlab.compare.finished import FinishedRun
from cnnlab.metrics import METRICS, Metric
from cnnlab.registry import CnnlabError
from cnnlab.text import plural

# In the order of columns and figures.
COSTS = (
    *("parameters", "MACs", "training time", "time to target", "throughput"),
    *("single-image latency", "peak memory", "peak GPU memory"),
)
TIMES = (
    "training time",
    "time to target",
    "throughput",
    "single-image latency",
)  # differ between devices
FROM_RESULTS = tuple(METRICS[name].column for name in COSTS if name != "time to target")
SAME_IN_A_ROW = ("parameters", "MACs")


def find_target(
    wanted: float | str | None, runs: Sequence[FinishedRun], metric: Metric
) -> float | None:
    """The validation to which the time is given.

    Args:
        wanted: a fraction or ``95%``; None: the whole percent that every run reaches, and nothing
            of a metric without percent.

    Raises:
        CnnlabError: it is not a number, or no value of the metric.
    """
    if wanted is None:
        best = [float(run.metrics[f"val_{metric.column}"].max()) for run in runs]
        if metric.bounds != (0, 1) or not np.isfinite(best).all() or not best:
            return None
        return math.floor(100 * min(best) + 1e-9) / 100
    text = str(wanted).strip()
    low, high = metric.bounds
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not low <= value <= high or (text.endswith("%") and metric.bounds != (0, 1)):
        example = "95% or 0.95" if metric.bounds == (0, 1) else "0.02"
        raise CnnlabError(f"--target {wanted}: not a value of {metric.label}, such as {example}")
    return value


def seconds_to(target: float | None, run: FinishedRun, metric: Metric) -> float:
    """Training time until the first epoch whose validation is at least as good; else NaN."""
    column = f"val_{metric.column}"
    if target is None or column not in run.metrics or "seconds" not in run.metrics:
        return math.nan
    values, seconds = (run.metrics[name].to_numpy() for name in (column, "seconds"))
    reached = values >= target if metric.higher_is_better else values <= target
    return float(seconds[: reached.argmax() + 1].sum()) if reached.any() else math.nan


def non_dominated(
    cost: Sequence[float], score: Sequence[float], costs: Metric, scores: Metric
) -> NDArray[np.bool_]:
    """Which points no other point beats: as good in both and better in one.  (P,), (P,) -> (P,)

    Points with a NaN are dominated.
    """
    x = np.asarray(cost, dtype=float) * (1 if costs.higher_is_better else -1)
    y = np.asarray(score, dtype=float) * (1 if scores.higher_is_better else -1)
    as_good = (x[None, :] >= x[:, None]) & (y[None, :] >= y[:, None])  # column j against row i
    better = as_good & ((x[None, :] > x[:, None]) | (y[None, :] > y[:, None]))
    known = ~(np.isnan(x) | np.isnan(y))
    front: NDArray[np.bool_] = known & ~better.any(axis=1)
    return front


def on_main_device(table: pd.DataFrame) -> "pd.Series[bool]":
    """Of each row whether its times are from the device that most rows ran on, and it alone."""
    known = table["device"][table["device"] != ""]
    main = "" if known.empty else str(known.mode().iloc[0])
    is_on_it: pd.Series[bool] = table["device"] == main
    return is_on_it & (table["device"] != "")


def notes_on_costs(rows: Sequence[Configuration]) -> list[str]:
    """Notes on rows of which the runs differ in what should be the same in all."""
    notes = []
    for row in rows:
        for name in SAME_IN_A_ROW:
            metric = METRICS[name]
            column = metric.column
            values = sorted({result[column] for result in row.results if column in result})
            if len(values) > 1:
                shown = f"{values[0]:,} to {values[-1]:,}"
                runs = plural(len(row.results), "run")
                notes.append(f"the {runs} of {row.label} differ in {name}: {shown}")
    return notes
