"""The test metric against a swept number; two swept numbers give a grid (``grid.py``)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cnnlab.compare.comparison import Axis, Comparison, Configuration
from cnnlab.compare.configurations import label
from cnnlab.compare.figures.band import band
from cnnlab.compare.figures.curves import LONGEST_BESIDE
from cnnlab.compare.figures.grid import grid_figure
from cnnlab.compare.figures.layout import arrange, new_figure
from cnnlab.compare.figures.style import MOST_NAMED, PALE, Look, drawable, looks
from cnnlab.compare.figures.ticks import log_ticks, ticks_at
from cnnlab.metrics import Metric
from cnnlab.text import as_typed, plural

ONLY = "all"  # the name of a line without others


def sweep_figure(comparison: Comparison) -> Figure | None:
    """The test metric against the number that was swept; of two swept numbers a heat map.

    A line, or a heat map, for each model and for each combination of the other swept options.
    None where no number was swept, or more than two.
    """
    numbers = [axis for axis in comparison.axes if axis.is_number]
    if len(numbers) not in (1, 2):
        return None
    trained = [row for row in comparison.rows if row.runs and not row.members]
    rows = [row for row in trained if all(axis.key in row.shown for axis in numbers)]
    groups = group_rows(rows, comparison, numbers)
    left_out = len(trained) - len(rows)
    if len(numbers) == 2:
        return grid_figure(comparison, groups, numbers, left_out)
    return _line_figure(comparison, groups, numbers[0], left_out)


def group_rows(
    rows: Sequence[Configuration], comparison: Comparison, numbers: Sequence[Axis]
) -> dict[str, list[Configuration]]:
    """The rows that differ in the swept numbers alone, by what the others differ in, best first."""
    swept = [axis.key for axis in numbers]
    keys = [axis.key for axis in comparison.axes if axis.key not in swept]
    cells = [_values(row, [*keys, *swept]) for row in rows]
    if len(set(cells)) < len(cells):  # what is no axis tells some rows apart
        keys = [key for key in comparison.keys if key not in swept]
    groups: dict[tuple[str, ...], list[Configuration]] = {}
    for row in rows:
        groups.setdefault(_values(row, keys), []).append(row)
    named = keys or ["model"]
    return {label(group[0].shown, named) or ONLY: group for group in groups.values()}


def _values(row: Configuration, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(as_typed(row.shown[key]) if key in row.shown else "" for key in keys)


def _line_figure(
    comparison: Comparison, groups: dict[str, list[Configuration]], axis: Axis, left_out: int
) -> Figure:
    metric = comparison.metric
    figure = new_figure(8.5, 4.6)
    axes = figure.subplots()
    _set_x_scale(axes, axis)
    if metric.log_axis:
        axes.set_yscale("log")
    handles = []
    for i, (rows, look) in enumerate(zip(groups.values(), looks(len(groups)), strict=True)):
        is_named = i < MOST_NAMED
        line = _draw_line(axes, rows, axis.key, metric, look if is_named else None, 3 - i / 100)
        handles += [line] if is_named else []
    axes.set_ylabel(metric.axis("", log=metric.log_axis))
    if metric.log_axis:
        log_ticks(axes.yaxis)
    axes.grid(alpha=0.3)
    names = [drawable(name) for name in groups][:MOST_NAMED]
    arrange(
        figure,
        f"{metric.title()} against {axis.key}: {comparison.title}",
        caption=_caption(groups, axis.key, metric, left_out),
        handles=handles,
        labels=names,
        legend_below=max(map(len, names)) > LONGEST_BESIDE,
    )
    return figure


def _set_x_scale(axes: Axes, axis: Axis) -> None:
    values = [float(value) for value in axis.values]
    axes.set_xlabel(f"{drawable(axis.key)}{' (log scale)' if axis.is_log else ''}")
    if axis.is_log:
        axes.set_xscale("log")
        log_ticks(axes.xaxis)
        ratio = (values[-1] / values[0]) ** 0.05
        axes.set_xlim(values[0] / ratio, values[-1] * ratio)
    else:
        margin = 0.05 * (values[-1] - values[0])
        axes.set_xlim(values[0] - margin, values[-1] + margin)
        is_whole = all(isinstance(value, int) for value in axis.values)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=is_whole))
    ticks_at(axes.xaxis, values, [as_typed(value, digits=6) for value in axis.values])


def _draw_line(
    axes: Axes,
    rows: Sequence[Configuration],
    key: str,
    metric: Metric,
    look: Look | None,
    zorder: float,
) -> Line2D:
    """Test with its band and validation; one without a look is pale. The line of the test."""
    rows = sorted(rows, key=lambda row: float(row.shown[key]))
    x = [float(row.shown[key]) for row in rows]
    test = _bands(rows, f"test_{metric.column}", metric)
    if look is None:
        return axes.plot(x, test[:, 0], color=PALE, lw=0.7, zorder=1)[0]
    style: dict[str, Any] = {"color": look.color, "marker": look.marker, "zorder": zorder}
    axes.fill_between(x, test[:, 1], test[:, 2], color=look.color, alpha=0.15, lw=0, zorder=zorder)
    (line,) = axes.plot(x, test[:, 0], look.line, lw=1.6, ms=5, **style)
    validation = _bands(rows, f"val_{metric.column}", metric)[:, 0]
    axes.plot(x, validation, look.line, lw=0.8, ms=5, mfc="white", alpha=0.8, **style)
    return line


def _bands(rows: Sequence[Configuration], column: str, metric: Metric) -> Any:
    """Centre, lower and upper end for each row: (P, 3); both ends are the centre for one run."""
    found = []
    for row in rows:
        values = [[float(result[column]) for result in row.results]]
        centre, low, high = (ends[0] for ends in band(values, metric, log=metric.log_axis))
        found.append((centre, low, high) if len(row.results) > 1 else (centre,) * 3)
    return np.array(found)


def _caption(
    groups: dict[str, list[Configuration]], key: str, metric: Metric, left_out: int
) -> str:
    counts = sorted({len(row.results) for rows in groups.values() for row in rows})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    said = [f"Filled: test; open, thin: validation. n = {n} at each point."]
    if counts[-1] > 1:
        kind = "geometric mean and SD" if metric.log_axis else "mean, band ±1 SD of test"
        said.append(f"Over seeds: {kind}.")
    if (others := len(groups) - MOST_NAMED) > 0:
        said.append(f"In colour the best {MOST_NAMED} by validation, the other {others} in grey.")
    if left_out:
        said.append(f"{plural(left_out, 'configuration')} without {drawable(key)} left out.")
    return " ".join(said)
