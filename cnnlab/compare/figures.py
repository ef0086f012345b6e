"""The figures of a comparison: learning curves, and the test metric against cost.

Figures are made through matplotlib's object API, so drawing them leaves no global state.
"""

import math
from itertools import cycle, islice, product
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.label_placement import place_labels
from cnnlab.metrics import METRICS, Metric
from cnnlab.text import si

# Okabe & Ito 2008, distinct to colour-blind readers; without its yellow, too pale for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINE_STYLES = ("-", "--", ":")
DPI = 150
MAX_INLINE_NAME = 28  # characters of a name beside a point or the curves


def curves_figure(comparison: Comparison) -> Figure:
    """Validation metric and loss against epoch: the mean over seeds, a band of ±1 SD.

    Accuracy and cross-entropy of classifiers, the error alone of autoencoders.
    """
    height = max(4.8, 0.6 + 0.2 * len(comparison.labels))  # inches, for the legend
    figure = Figure(figsize=(11, height), dpi=DPI, layout="constrained")
    figure.suptitle(f"Validation during training: {comparison.title}")
    metrics = list(dict.fromkeys((comparison.metric, METRICS[comparison.metric.loss])))
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        _draw_curves(axes, comparison, metric)
    handles, labels = panels[0].get_legend_handles_labels()
    title = "Mean, ±1 SD over seeds" if (comparison.table["n"] > 1).any() else None
    place: Literal["outside lower center", "outside right upper"] = "outside right upper"
    if _has_long_names(comparison):
        place = "outside lower center"
    figure.legend(handles, labels, loc=place, title=title, fontsize=9)
    return figure


def cost_figure(comparison: Comparison) -> Figure:
    """The test metric against parameters and against MACs, ±1 SD over seeds."""
    figure = Figure(figsize=(11, 5.2), dpi=DPI, layout="constrained")
    metric = comparison.metric
    figure.suptitle(f"{metric.title()} against cost: {comparison.title}")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, cost in zip(panels, (METRICS["parameters"], METRICS["MACs"]), strict=True):
        axes.set_title(f"{metric.title('test')} against {cost.label}")
        axes.set_xlabel(cost.axis(log=True))
        _draw_cost(axes, comparison, cost.column)
    panels[0].set_ylabel(f"{metric.axis('test')}, ±1 SD over seeds")
    if _has_long_names(comparison):
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", fontsize=9)
    return figure


def _draw_curves(axes: Axes, comparison: Comparison, metric: Metric) -> None:
    styles = cycle(product(LINE_STYLES, COLORS))
    for label, (line_style, color) in zip(comparison.labels, styles, strict=False):
        rows = comparison.curves[comparison.curves["label"] == label]
        # Only epochs that every run reached: the mean would jump where one ends.
        values = rows.pivot(index="epoch", columns="run", values=f"val_{metric.column}")
        by_epoch = (metric.scale * values).dropna()
        mean, sd = by_epoch.mean(axis=1), by_epoch.std(axis=1)
        marker = "o" if len(mean) == 1 else None
        axes.plot(mean.index, mean, line_style, color=color, marker=marker, label=label, lw=1.6)
        if by_epoch.shape[1] > 1:
            axes.fill_between(mean.index, mean - sd, mean + sd, color=color, alpha=0.15, lw=0)
    axes.set(title=metric.title("val"), xlabel="Epoch", ylabel=metric.axis(log=metric.log_axis))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    if metric.log_axis:
        axes.set_yscale("log")
        _tick_log(axes.yaxis, *axes.get_ylim())


def _draw_cost(axes: Axes, comparison: Comparison, column: str) -> None:
    table, metric = comparison.table, comparison.metric
    tested = metric.scale * table[f"test_{metric.column}"]
    sd = (metric.scale * table[f"test_{metric.column}_sd"]).fillna(0)
    colors = list(islice(cycle(COLORS), len(table)))
    labels = comparison.labels
    for x, y, error, color, label in zip(table[column], tested, sd, colors, labels, strict=True):
        axes.errorbar(
            x, y, error or None, fmt="o", color=color, capsize=3, elinewidth=1, label=label
        )
    low, high = (tested - sd).min(), (tested + sd).max()
    margin = max(0.1 * (high - low), metric.margin)
    axes.set_ylim(low - margin, high + margin)
    axes.grid(alpha=0.3)
    if _has_long_names(comparison):  # they stand in the legend below
        _log_x_axis(axes, table[column], longest=0)
        return
    _log_x_axis(axes, table[column], longest=max(map(len, labels)))
    points = list(zip(table[column], tested, strict=True))
    place_labels(axes, labels, points, list(sd), colors)


def _has_long_names(comparison: Comparison) -> bool:
    return max(map(len, comparison.labels)) > MAX_INLINE_NAME


def _log_x_axis(axes: Axes, values: "pd.Series[int]", longest: int) -> None:
    """A log axis with space on the right for a name of ``longest`` characters."""
    low, high = (math.log10(max(1, value)) for value in (values.min(), values.max()))
    span = max(high - low, 0.3)
    for_name = min(0.45, 0.03 + 0.016 * longest)  # of the axis, by the width of a character
    right = max(high, low + 0.1 * span) + span * for_name / (1 - for_name)
    axes.set_xscale("log")
    axes.set_xlim(10 ** (low - 0.1 * span), 10**right)
    _tick_log(axes.xaxis, *axes.get_xlim())


def _tick_log(axis: Axis, low: float, high: float) -> None:
    """Ticks with plain numbers; fewer decades have more ticks each."""
    steps_below = {0.7: range(1, 10), 2: (1, 2, 5), 4: (1, 3), math.inf: (1,)}
    decades = math.log10(high / low)
    steps = next(steps for limit, steps in steps_below.items() if decades < limit)
    axis.set_major_locator(LogLocator(subs=list(steps)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def _tick(value: float) -> str:
    return f"{value:g}" if value < 1000 else si(value).replace(".0", "")
