"""The pictures of a comparison: learning curves, and accuracy against cost.

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

from cnnlab.compare.compare import Comparison
from cnnlab.compare.label_placement import place_labels
from cnnlab.metrics import ACCURACY
from cnnlab.text import si

# Okabe & Ito 2008, told apart by colour-blind readers; its yellow is too pale for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINE_STYLES = ("-", "--", ":")
DPI = 150
LONGEST_BESIDE = 28  # characters of a name that stands beside a point or the curves


def curves_figure(comparison: Comparison) -> Figure:
    """Validation accuracy and loss against epoch: the mean over seeds, a band of ±1 SD.

    Autoencoders have their error alone.
    """
    height = max(4.8, 0.6 + 0.2 * len(comparison.labels))  # inches; the legend's need
    figure = Figure(figsize=(11, height), dpi=DPI, layout="constrained")
    figure.suptitle(f"Validation during training: {comparison.subject}")
    name, unit = "error", "Mean squared error per pixel (log scale)"
    if comparison.measure is ACCURACY:
        accuracy, loss = figure.subplots(1, 2)
        _draw_curves(accuracy, comparison, "val_acc", scale=100)
        accuracy.set(title="Validation accuracy", xlabel="Epoch", ylabel="Accuracy (%)")
        name, unit = "loss", "Cross-entropy (nats, log scale)"
    else:
        loss = figure.subplots()
    _draw_curves(loss, comparison, "val_loss")
    loss.set(title=f"Validation {name}", xlabel="Epoch", ylabel=unit)
    loss.set_yscale("log")
    _tick_log(loss.yaxis, *loss.get_ylim())
    handles, labels = loss.get_legend_handles_labels()
    title = "Mean, ±1 SD over seeds" if (comparison.table["n"] > 1).any() else None
    place: Literal["outside lower center", "outside right upper"] = "outside right upper"
    if _has_long_names(comparison):
        place = "outside lower center"
    figure.legend(handles, labels, loc=place, title=title, fontsize=9)
    return figure


def cost_figure(comparison: Comparison) -> Figure:
    """Test accuracy or error against parameters and against MACs, ±1 SD over seeds."""
    figure = Figure(figsize=(11, 5.2), dpi=DPI, layout="constrained")
    measure = comparison.measure
    figure.suptitle(f"{measure.name.capitalize()} against cost: {comparison.subject}")
    params, macs = figure.subplots(1, 2, sharey=True)
    params.set(title=f"Test {measure.name} against parameters", xlabel="Parameters (log scale)")
    params.set_ylabel(f"Test {measure.axis}, ±1 SD over seeds")
    macs.set(title=f"Test {measure.name} against MACs", xlabel="MACs for one image (log scale)")
    _draw_cost(params, comparison, "params")
    _draw_cost(macs, comparison, "macs")
    if _has_long_names(comparison):
        handles, labels = params.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", fontsize=9)
    return figure


def _draw_curves(axes: Axes, comparison: Comparison, column: str, scale: float = 1) -> None:
    styles = cycle(product(LINE_STYLES, COLORS))
    for label, (line_style, color) in zip(comparison.labels, styles, strict=False):
        rows = comparison.curves[comparison.curves["label"] == label]
        # Only epochs that every seed reached: a mean of the few that went on would jump.
        by_epoch = (scale * rows.pivot(index="epoch", columns="seed", values=column)).dropna()
        mean, sd = by_epoch.mean(axis=1), by_epoch.std(axis=1)
        marker = "o" if len(mean) == 1 else None
        axes.plot(mean.index, mean, line_style, color=color, marker=marker, label=label, lw=1.6)
        if by_epoch.shape[1] > 1:
            axes.fill_between(mean.index, mean - sd, mean + sd, color=color, alpha=0.15, lw=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)


def _draw_cost(axes: Axes, comparison: Comparison, column: str) -> None:
    table, measure = comparison.table, comparison.measure
    tested = measure.scale * table[f"test_{measure.column}"]
    sd = (measure.scale * table[f"test_{measure.column}_sd"]).fillna(0)
    colors = list(islice(cycle(COLORS), len(table)))
    labels = comparison.labels
    for x, y, error, color, label in zip(table[column], tested, sd, colors, labels, strict=True):
        axes.errorbar(
            x, y, error or None, fmt="o", color=color, capsize=3, elinewidth=1, label=label
        )
    low, high = (tested - sd).min(), (tested + sd).max()
    room = max(0.1 * (high - low), measure.margin)
    axes.set_ylim(low - room, high + room)
    axes.grid(alpha=0.3)
    if _has_long_names(comparison):  # the legend below has them
        _log_x_axis(axes, table[column], longest=0)
        return
    _log_x_axis(axes, table[column], longest=max(map(len, labels)))
    points = list(zip(table[column], tested, strict=True))
    place_labels(axes, labels, points, list(sd), colors)


def _has_long_names(comparison: Comparison) -> bool:
    return max(map(len, comparison.labels)) > LONGEST_BESIDE


def _log_x_axis(axes: Axes, values: "pd.Series[int]", longest: int) -> None:
    """A log axis with room on the right for a name of ``longest`` characters."""
    low, high = math.log10(values.min()), math.log10(values.max())
    span = max(high - low, 0.3)
    share = min(0.45, 0.03 + 0.016 * longest)  # of the axis, by the width of a character
    right = max(high, low + 0.1 * span) + span * share / (1 - share)
    axes.set_xscale("log")
    axes.set_xlim(10 ** (low - 0.1 * span), 10**right)
    _tick_log(axes.xaxis, *axes.get_xlim())


def _tick_log(axis: Axis, low: float, high: float) -> None:
    """Ticks with plain numbers: the more in each decade, the fewer decades there are."""
    steps_below = {0.7: range(1, 10), 2: (1, 2, 5), 4: (1, 3), math.inf: (1,)}
    decades = math.log10(high / low)
    steps = next(steps for limit, steps in steps_below.items() if decades < limit)
    axis.set_major_locator(LogLocator(subs=list(steps)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def _tick(value: float) -> str:
    return f"{value:g}" if value < 1000 else si(value).replace(".0", "")
