"""The figure of ensembles: test error against the number of members, and against what they cost."""

import math
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from cnnlab.compare.figures.style import COLORS, DPI
from cnnlab.metrics import METRICS
from cnnlab.text import plural, si

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # their number and that of colours are coprime
VOTES = {"soft": "-", "hard": "--"}
MAX_BANDS = 6  # more configurations would cover each other
LONG_NAME = 28  # characters; longer ones are listed below the panels
NAMES_PER_COLUMN = 25


def ensemble_figure(table: pd.DataFrame) -> Figure:
    """Test error against members and against MACs for one image, a line per configuration.

    Solid lines are the soft vote, dashed ones the hard vote; with few configurations a band shows
    the range of the soft vote over the subsets of that size.

    Args:
        table: a row for each ``configuration``, number ``k`` of members and ``vote``, with
            ``error_mean``, ``error_min``, ``error_max`` (fractions) and ``macs``.
    """
    names = list(dict.fromkeys(table["configuration"]))
    is_below = max(map(len, names)) > LONG_NAME
    columns = math.ceil(len(names) / NAMES_PER_COLUMN)
    rows = len(names) if is_below else min(len(names), NAMES_PER_COLUMN)
    height = 4.8 + 0.2 * rows if is_below else max(4.8, 1.6 + 0.2 * rows)  # inches
    figure = Figure(figsize=(11 + 2 * (columns - 1), height), dpi=DPI, layout="constrained")
    number = plural(len(names), "configuration")
    title = f"Ensembles over seeds: {names[0] if len(names) == 1 else number}"
    figure.suptitle(title, wrap=True)
    by_size, by_cost = figure.subplots(1, 2, sharey=True)
    markers, colors = cycle(MARKERS), cycle(COLORS)
    handles = []
    for name, marker, color in zip(names, markers, colors, strict=False):
        rows_of = table[table["configuration"] == name]
        for vote, style in VOTES.items():
            found = rows_of[rows_of["vote"] == vote].sort_values("k")
            line = {"ls": style, "color": color, "lw": 1.6 if vote == "soft" else 1.1}
            points = {"marker": marker, "ms": 4.5} if vote == "soft" else {}
            error = 100 * found["error_mean"]
            by_size.plot(found["k"], error, **line, **points)
            by_cost.plot(found["macs"], error, **line, **points)
            if vote == "soft" and len(names) <= MAX_BANDS:
                low, high = 100 * found["error_min"], 100 * found["error_max"]
                by_size.fill_between(found["k"], low, high, color=color, alpha=0.15, lw=0)
        handles.append(Line2D([], [], color=color, marker=marker, ms=4.5, label=name))
    cost = METRICS["MACs"]
    by_size.set(title="Test error against members", xlabel="Members", ylabel="Test error (%)")
    by_cost.set(title=f"Test error against {cost.label}", xlabel=cost.axis(log=True))
    by_size.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _tick_costs(by_cost, table["macs"])
    for axes in (by_size, by_cost):
        axes.grid(alpha=0.3)
    band = ", band: range over subsets" if len(names) <= MAX_BANDS else ""
    votes = [
        Line2D([], [], color="#555555", ls=style, label=f"{vote} vote{band * (vote == 'soft')}")
        for vote, style in VOTES.items()
    ]
    by_size.legend(handles=votes, fontsize=8)
    if len(names) > 1:  # else the title names it
        figure.legend(
            handles=handles,
            loc="outside lower center" if is_below else "outside right upper",
            ncols=columns,
            fontsize=9,
        )
    return figure


def _tick_costs(axes: Axes, macs: "pd.Series[float]") -> None:
    """A log axis with plain numbers, at least a few of them."""
    low, high = macs.min(), macs.max()
    if not 0 < low < high:  # a network of no MACs
        return
    axes.set_xscale("log")
    decades = math.log10(high / low)
    steps = range(1, 10) if decades < 0.7 else (1, 2, 3, 5) if decades < 2 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=list(steps), numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: si(value).replace(".0", "")))
