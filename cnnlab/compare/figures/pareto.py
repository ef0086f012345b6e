"""The test metric against what a configuration costs, with the Pareto front."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cnnlab.compare.comparison import Comparison, Configuration
from cnnlab.compare.costs import COSTS, TIMES, non_dominated, on_main_device
from cnnlab.compare.figures.label_placement import place_labels
from cnnlab.compare.figures.layout import arrange, new_figure
from cnnlab.compare.figures.points import Panel, cost_axis, draw_front, draw_points, set_x_axis
from cnnlab.compare.figures.style import MOST_NAMED, TEXT_GREY, drawable, looks
from cnnlab.metrics import METRICS
from cnnlab.registry import CnnlabError, nearest
from cnnlab.text import plural

LONGEST_INLINE = 28  # characters of a name beside a point; longer ones have numbers there
MOST_LISTED = 12  # dominated configurations in the caption
PANELS = ("parameters", "MACs")


def pareto_figure(comparison: Comparison, cost_name: str) -> Figure | None:
    """The test metric against one cost: ±1 SD over seeds, the Pareto front, dominated rows grey.

    Times are drawn only of the device that most configurations ran on. None where the cost is
    known of no configuration.

    Args:
        cost_name: one of :data:`~cnnlab.compare.costs.COSTS`.

    Raises:
        CnnlabError: there is no such cost.
    """
    if cost_name not in COSTS:
        raise CnnlabError(f"no cost '{cost_name}'{nearest(cost_name, COSTS)}")
    panel = _panel(comparison, cost_name)
    if panel.points.empty:
        return None
    title = f"{comparison.metric.title()} against {panel.cost.label}: {comparison.title}"
    return _figure(comparison, [panel], title)


def cost_figure(comparison: Comparison) -> Figure:
    """The test metric against parameters and MACs, and single-image latency where it is known."""
    panels = [_panel(comparison, name) for name in (*PANELS, "single-image latency")]
    shown = panels[:2] if panels[2].points.empty else panels
    return _figure(
        comparison, shown, f"{comparison.metric.title()} against cost: {comparison.title}"
    )


def _panel(comparison: Comparison, cost_name: str) -> Panel:
    metric, cost, table = comparison.metric, METRICS[cost_name], comparison.table
    column = f"test_{metric.column}"
    mean, sd = table[column], table[f"{column}_sd"].fillna(0)
    points = pd.DataFrame(
        {
            "x": cost.scale * table[cost.column].astype(float),
            "y": metric.scale * mean,
            "low": metric.scale * (mean - sd).clip(*metric.bounds),
            "high": metric.scale * (mean + sd).clip(*metric.bounds),
        }
    ).reset_index(drop=True)
    is_known = np.isfinite(points["x"])
    is_here = pd.Series(True, index=points.index)
    if cost_name in TIMES:
        is_here = on_main_device(table).reset_index(drop=True)
    points = points[is_known & is_here]
    is_front = non_dominated(points["x"].tolist(), points["y"].tolist(), cost, metric)
    points = points.assign(is_front=is_front)
    named = _named(points, comparison.rows)
    return Panel(
        cost,
        points.assign(is_named=points.index.isin(named)),
        elsewhere=int((is_known & ~is_here).sum()),
        unknown=int((~is_known).sum()),
    )


def _named(points: pd.DataFrame, rows: Sequence[Configuration]) -> list[int]:
    """Which rows have a name beside their point: all; of many the front and each model's best."""
    if len(points) <= MOST_NAMED:
        return list(points.index)
    best: dict[Any, int] = {}
    for i in points.index:
        best.setdefault(rows[i].shown["model"], i)
    front = points.index[points["is_front"]]
    return list(dict.fromkeys([*front, *best.values()]))[:MOST_NAMED]


def _figure(comparison: Comparison, panels: list[Panel], title: str) -> Figure:
    names = [drawable(label) for label in comparison.labels]
    is_long = any(len(names[i]) > LONGEST_INLINE for i in _key(panels))
    figure, all_placed = _drawn(comparison, panels, title, names, with_key=is_long)
    if not all_placed and not is_long:  # numbers need less space
        figure, _ = _drawn(comparison, panels, title, names, with_key=True)
    return figure


def _key(panels: list[Panel]) -> list[int]:
    """The rows that have a name beside their point in one of the panels."""
    return sorted({i for panel in panels for i in panel.points.index[panel.points["is_named"]]})


def _drawn(
    comparison: Comparison, panels: list[Panel], title: str, names: list[str], *, with_key: bool
) -> tuple[Figure, bool]:
    """The figure, and whether each name found a place.

    Args:
        with_key: whether points have numbers, which a legend explains, instead of names.
    """
    metric = comparison.metric
    figure = new_figure(8.5 if len(panels) == 1 else 5.5 * len(panels), 4.6)
    columns = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    colors = [look.color for look in looks(len(names))]
    key = _key(panels)
    shown = [str(i + 1) if with_key and i in key else name for i, name in enumerate(names)]
    fronts = []
    for axes, panel in zip(columns, panels, strict=True):
        if len(panels) > 1:
            axes.set_title(f"{metric.title('test')} against {panel.cost.label}")
        is_log = set_x_axis(axes, panel, shown)
        axes.set_xlabel(cost_axis(comparison, panel.cost, is_log=is_log))
        fronts.append(draw_front(axes, panel))
        draw_points(axes, panel, comparison.rows, colors)
        axes.grid(alpha=0.3)
    columns[0].set_ylabel(f"{metric.axis('test')}, ±1 SD over seeds")
    points = pd.concat([panel.points for panel in panels])
    best = set(points.index[points["is_front"]])
    low, high = points["low"].min(), points["high"].max()
    margin = max(0.1 * (high - low), metric.margin)
    columns[0].set_ylim(low - margin, high + margin)
    arrange(
        figure,
        title,
        caption=_caption(panels, comparison.rows, shown),
        handles=[_number(i + 1, colors[i] if i in best else TEXT_GREY) for i in key],
        labels=[names[i] for i in key] if with_key else [],
        legend_below=True,
    )
    placed = [
        _place(axes, panel, shown, colors, front)
        for axes, panel, front in zip(columns, panels, fronts, strict=True)
    ]
    return figure, all(placed)


def _number(number: int, color: str) -> Line2D:
    """A number as the mark of a legend's entry."""
    size = 6 * max(1, 0.64 * len(str(number)))  # a marker's size is that of its longer side
    return Line2D([], [], linestyle="none", marker=f"${number}$", markersize=size, color=color)


def _place(
    axes: Axes,
    panel: Panel,
    names: Sequence[str],
    colors: Sequence[str],
    front: Sequence[tuple[float, float]],
) -> bool:
    points = panel.points
    return place_labels(
        axes,
        [names[i] if is_named else "" for i, is_named in _of(points["is_named"])],
        points[["x", "y"]].to_numpy(),
        points[["low", "high"]].to_numpy(),
        [colors[i] if is_front else TEXT_GREY for i, is_front in _of(points["is_front"])],
        front,
    )


def _of(column: "pd.Series[bool]") -> Iterable[tuple[int, bool]]:
    return zip(column.index, column, strict=True)


def _caption(panels: list[Panel], rows: Sequence[Configuration], names: Sequence[str]) -> str:
    """What is dominated, what the marks mean and what is left out."""
    said = ["Line: the Pareto front."]
    dominated: dict[str, list[str]] = {}
    for panel in panels:
        behind = [names[i] for i in panel.points.index[~panel.points["is_front"]]]
        dominated.setdefault(_listed(behind), []).append(panel.cost.label)
    for text, costs in dominated.items():
        by = "" if len(dominated) == 1 else f" by {' and '.join(costs)}"
        said.append(f"Dominated{by} (grey): {text}.")
    drawn = [rows[i] for i in sorted({i for panel in panels for i in panel.points.index})]
    said += ["Diamonds: ensembles."] if any(row.members for row in drawn) else []
    said += ["Hollow: results made elsewhere."] if any(row.source for row in drawn) else []
    for panel in panels:
        if panel.elsewhere:
            said.append(
                f"{panel.cost.axis().split(' (')[0]}: {plural(panel.elsewhere, 'configuration')} "
                "timed on another device left out."
            )
        if panel.unknown:
            said.append(
                f"{plural(panel.unknown, 'configuration')} without {panel.cost.label} left out."
            )
    return " ".join(said)


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = len(names) - MOST_LISTED
    return "; ".join(names[:MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")
