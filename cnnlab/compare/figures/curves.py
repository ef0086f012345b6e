"""Learning curves: validation metric and loss against epoch."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.figures.band import band
from cnnlab.compare.figures.layout import arrange, new_figure
from cnnlab.compare.figures.style import MOST_NAMED, PALE, drawable, looks
from cnnlab.compare.figures.ticks import log_ticks
from cnnlab.metrics import METRICS, Metric

LONGEST_BESIDE = 28  # characters of a name in a legend beside the panels


def curves_figure(comparison: Comparison) -> Figure:
    """Validation metric and loss against epoch: the mean over seeds, a band of ±1 SD.

    Accuracy and cross-entropy of classifiers, the error alone of autoencoders. Of many
    configurations the best 12 on validation have colours and names, the others are pale lines.
    """
    labels = [row.label for row in comparison.rows if row.runs and not row.members]
    metrics = list(dict.fromkeys((comparison.metric, METRICS[comparison.metric.loss])))
    figure = new_figure(11 if len(metrics) > 1 else 8, 4.4)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    is_short = [
        _draw(axes, comparison.curves, labels, metric)
        for axes, metric in zip(panels, metrics, strict=True)
    ]
    handles = panels[0].get_lines()[:MOST_NAMED]
    names = [drawable(label) for label in labels[:MOST_NAMED]]
    arrange(
        figure,
        f"Validation during training: {comparison.title}",
        caption=_caption(comparison, labels, metrics, is_short=any(is_short)),
        handles=handles,
        labels=names,
        legend_below=max(map(len, names), default=0) > LONGEST_BESIDE,
    )
    return figure


def _draw(axes: Axes, curves: pd.DataFrame, labels: list[str], metric: Metric) -> bool:
    """Draw a line for each label; whether one ends before its longest run does."""
    wide = curves.pivot(index="epoch", columns=["label", "run"], values=f"val_{metric.column}")
    owners = wide.columns.get_level_values("label").to_numpy()
    values, epochs = wide.to_numpy(dtype=float), wide.index.to_numpy()
    is_short = False
    for i, (label, look) in enumerate(zip(labels, looks(len(labels)), strict=True)):
        own = values[:, owners == label]
        # Only epochs that every run reached: the mean would jump where one ends.
        known = ~np.isnan(own).any(axis=1)
        is_short |= bool((~np.isnan(own)).any(axis=1).sum() > known.sum())
        centre, low, high = band(own[known], metric, log=metric.log_axis)
        marker = "o" if len(centre) == 1 else None
        if i >= MOST_NAMED:
            axes.plot(epochs[known], centre, color=PALE, marker=marker, lw=0.7, zorder=1)
            continue
        front: dict[str, Any] = {"color": look.color, "zorder": 3 - i / 100}
        axes.plot(epochs[known], centre, look.line, marker=marker, lw=1.6, **front)
        if own.shape[1] > 1 and len(centre) == 1:  # a band has no width
            axes.vlines(epochs[known], low, high, **front)
        elif own.shape[1] > 1:
            axes.fill_between(epochs[known], low, high, alpha=0.15, lw=0, **front)
    axes.set(title=metric.title("val"), xlabel="Epoch", ylabel=metric.axis(log=metric.log_axis))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    if metric.log_axis:
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    return is_short


def _caption(
    comparison: Comparison, labels: list[str], metrics: list[Metric], *, is_short: bool
) -> str:
    if not labels:
        return "No configuration has learning curves."
    said = []
    if (comparison.table["n"] > 1).any():
        linear, log = "mean over seeds, band ±1 SD", "geometric mean and SD over seeds"
        scales = {metric.log_axis for metric in metrics}
        if scales == {True, False}:
            said += [f"Lines: {linear}; on the log axis {log}."]
        else:
            said += [f"Lines and bands: {log}." if True in scales else f"Lines: {linear}."]
    if is_short:
        said += ["Lines end at the last epoch that all runs of a configuration have."]
    if (others := len(labels) - MOST_NAMED) > 0:
        said += [
            f"In colour the best {MOST_NAMED} of {len(labels)} configurations by validation, "
            f"the other {others} in grey."
        ]
    return " ".join(said)
