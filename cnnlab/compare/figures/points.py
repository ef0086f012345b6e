"""One panel of configurations against a cost: its axis, points and the Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.compare.comparison import Comparison, Configuration
from cnnlab.compare.figures.style import DPI, GREY, PALE
from cnnlab.compare.figures.ticks import log_ticks, plain_numbers
from cnnlab.metrics import Metric

CHARACTER = 0.075  # inches, the width of one beside a point


@dataclass(frozen=True)
class Panel:
    """What is drawn against one cost.

    Attributes:
        points: rows by position, with x, y, low, high (of the error bar) as shown, is_front,
            is_named (beside its point).
        elsewhere: number of rows left out, whose times are from another device.
        unknown: number of rows left out, whose cost is not known.
    """

    cost: Metric
    points: pd.DataFrame
    elsewhere: int
    unknown: int


def set_x_axis(axes: Axes, panel: Panel, names: Sequence[str]) -> bool:
    """Limits with space on the right of each point for its name; whether the axis is log.

    Args:
        names: of all rows, not only of those in the panel.
    """
    points = panel.points
    if points.empty:
        return False
    is_log = panel.cost.log_axis and bool(points["x"].min() > 0)
    at = np.log10(points["x"]) if is_log else points["x"]
    low, high = float(at.min()), float(at.max())
    span = max(high - low, 0.3 if is_log else 0.1 * abs(high) or 1)
    left, right = low - 0.1 * span, max(high, low + span / 2) + 0.1 * span
    width = axes.bbox.width / DPI  # inches, before the layout
    for i in points.index[points["is_named"]]:
        for_name = min(0.45, 0.05 + CHARACTER * len(names[i]) / width)  # of the axis
        right = max(right, left + (at[i] - left) / (1 - for_name))
    limits = left, right
    if is_log:
        axes.set_xscale("log")
        axes.set_xlim(*(10**end for end in limits))
        log_ticks(axes.xaxis)
    else:
        axes.set_xlim(*limits)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        plain_numbers(axes.xaxis)
    return is_log


def draw_front(axes: Axes, panel: Panel) -> list[tuple[float, float]]:
    """The best value that can be had at each cost or a lower one, as steps; their corners."""
    front = panel.points[panel.points["is_front"]].sort_values("x")
    if front.empty:
        return []
    xs, ys = front["x"].tolist(), front["y"].tolist()
    left, right = axes.get_xlim()
    if panel.cost.higher_is_better:
        xs, ys = xs[::-1], ys[::-1]
    xs.append(left if panel.cost.higher_is_better else right)
    ys.append(ys[-1])
    corners = [(xs[0], ys[0])]
    for i in range(1, len(xs)):
        corners += [(xs[i], ys[i - 1]), (xs[i], ys[i])]
    axes.plot(*zip(*corners, strict=True), color=GREY, lw=1, zorder=1.5)
    return corners


def draw_points(
    axes: Axes, panel: Panel, rows: Sequence[Configuration], colors: Sequence[str]
) -> None:
    """A point with its error bar for each row; those behind the front grey, without a name pale."""
    for i, x, y, low, high, is_front, is_named in panel.points.itertuples(name=None):
        row = rows[i]
        color = colors[i] if is_front else GREY if is_named else PALE
        axes.errorbar(
            x,
            y,
            [[y - low], [high - y]] if high > low else None,
            fmt="D" if row.members else "o",
            markerfacecolor="white" if row.source else color,
            color=color,
            capsize=3,
            elinewidth=1,
            zorder=3 if is_front else 2,
        )


def cost_axis(comparison: Comparison, cost: Metric, *, is_log: bool) -> str:
    text = cost.axis(log=is_log)
    if cost.name == "time to target" and comparison.target is not None:
        metric = comparison.metric
        target = f"{metric.scale * comparison.target:g}{metric.suffix}"
        goal = f"Time to {target} {metric.title('val').lower()}"
        return text.replace("Time to target", goal)
    return text
