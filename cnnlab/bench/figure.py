"""Reports as a picture: images per second, and what a step's time goes to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnlab.bench.phases import FRAMEWORK, PHASES
from cnnlab.bench.report import Report
from cnnlab.bench.tables import footer
from cnnlab.explain.pictures.drawing import drawable

# Okabe & Ito 2008, distinct to colour-blind readers
COLORS = {
    "data": "#E69F00",
    "forward": "#56B4E9",
    "backward": "#0072B2",
    "optimizer": "#009E73",
    FRAMEWORK: "#D55E00",
}
BLUE, PALE, GREY = "#0072B2", "#A8CBE3", "#5F5F5F"
DPI = 150
WIDTH, ROW, REMAINDER = 11.0, 0.42, 2.1  # inches
LONGEST = 48  # letters of a row's name


def speed_figure(rows: Sequence[tuple[str, Report]], title: str) -> Figure:
    """Bars of images per second beside stacked bars of a step's milliseconds, a row for each.

    The thin lines go from the least to the largest measurement.
    """
    figure = Figure(figsize=(WIDTH, REMAINDER + ROW * len(rows)), dpi=DPI, layout="constrained")
    speed, split = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(rows))[::-1]
    reports = [report for _, report in rows]
    _rates(speed, places, reports)
    _split(split, places, reports)
    speed.set_yticks(places, [drawable(name, LONGEST) for name, _ in rows], fontsize=9)
    speed.set_ylim(-0.6, len(rows) - 0.4)
    figure.suptitle(drawable(title, 100), fontsize=12, weight="bold")
    figure.supxlabel(drawable(footer(reports[0]), 160), fontsize=8, color=GREY)
    return figure


def _rates(axes: Axes, places: Any, reports: Sequence[Report]) -> None:
    for offset, color, name in ((0.2, BLUE, "training"), (-0.2, PALE, "inference")):
        rates = [r.train if name == "training" else r.inference for r in reports]
        medians = np.array([rate.median for rate in rates])
        errors = np.array([[r.median - r.low, r.high - r.median] for r in rates]).T
        bars = axes.barh(
            places + offset, medians, 0.36, color=color, label=name, xerr=errors,
            error_kw={"linewidth": 1, "ecolor": "#333333"},
        )  # fmt: skip
        axes.bar_label(bars, [f"  {m:,.0f}" for m in medians], padding=6, fontsize=8)
    axes.margins(x=0.22)
    axes.set_xlabel("images per second")
    _tidy(axes)


def _split(axes: Axes, places: Any, reports: Sequence[Report]) -> None:
    left = np.zeros(len(reports))
    if any(report.split is None for report in reports):  # the whole step, in grey
        whole = [0.0 if report.split else 1000 * report.step.median for report in reports]
        axes.barh(places, whole, 0.6, color="#B8B8B8", label="step")
    for name in (*PHASES, FRAMEWORK):
        widths = np.array([1000 * report.split_seconds.get(name, 0.0) for report in reports])
        axes.barh(places, widths, 0.6, left=left, color=COLORS[name], label=name)
        left += widths
    for place, report in zip(places, reports, strict=True):
        step = 1000 * report.step.median
        axes.text(step, place, f"  {step:,.3g} ms", va="center", fontsize=8)
    axes.margins(x=0.18)
    axes.set_xlabel("milliseconds of a training step")
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.set_xlim(left=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    # above the bars, where it hides none of them
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize=8, frameon=False,
        handlelength=1, columnspacing=1,
    )  # fmt: skip
