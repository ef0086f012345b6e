"""The test metric over two swept numbers: a heat map for each model."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnnlab.compare.comparison import Axis, Comparison, Configuration
from cnnlab.compare.figures.cells import SMALL, draw_cells, span
from cnnlab.compare.figures.layout import arrange, new_figure, text_width
from cnnlab.compare.figures.style import drawable
from cnnlab.metrics import Metric
from cnnlab.text import as_typed, plural

MOST_PANELS = 6
COLUMNS = 3  # of panels
CELL = (0.62, 0.36)  # inches
MOST_WRITTEN = 12  # values of a number; cells of more are smaller and have no text
SMALL_CELL = (0.22, 0.22)


def grid_figure(
    comparison: Comparison,
    groups: dict[str, list[Configuration]],
    numbers: Sequence[Axis],
    left_out: int,
) -> Figure:
    """A heat map for each of the best groups; cells without a result are hatched.

    Args:
        groups: the rows that differ in the two numbers alone, by name.
        left_out: number of configurations that do not have both numbers.
    """
    metric = comparison.metric
    down, along = sorted(numbers, key=lambda axis: len(axis.values))
    shown = dict(list(groups.items())[:MOST_PANELS])
    is_written = max(len(along.values), len(down.values)) <= MOST_WRITTEN
    cell = CELL if is_written else SMALL_CELL
    columns = min(COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    names = [_names(axis, is_written=is_written) for axis in (down, along)]
    figure = new_figure(1, 1)
    beside, below = (0.5 + max(text_width(figure, name, SMALL) for name in axis) for axis in names)
    width = columns * (cell[0] * len(along.values) + beside + 0.15) + 1.1
    height = lines * (cell[1] * len(down.values) + below + 0.4)
    figure.set_size_inches(max(width, 6), max(height, 2.2))
    panels = figure.subplots(lines, columns, squeeze=False)
    means = [_means(rows, down, along, metric) for rows in shown.values()]
    norm = span(np.stack([mean for mean, _ in means]), 2 * metric.margin)
    counts = {n for _, found in means for n in found[found > 0]}
    for axes, name, (values, n) in zip(panels.flat, shown, means, strict=False):
        texts = _texts(values, n, metric, with_n=len(counts) > 1) if is_written else None
        image = draw_cells(
            axes,
            values,
            texts,
            rows=names[0],
            columns=names[1],
            norm=norm,
            colormap=matplotlib.colormaps["cividis"],
        )
        axes.set(xlabel=drawable(along.key), ylabel=drawable(down.key))
        if len(groups) > 1:
            axes.set_title(drawable(name), fontsize=10)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=panels, label=metric.axis("test"), aspect=25, pad=0.02)
    said = ["Mean over seeds; hatched: no result."]
    said += [f"n = {counts.pop()}."] if len(counts) == 1 else []
    if len(groups) > MOST_PANELS:
        said.append(f"The best {MOST_PANELS} of {len(groups)} by validation.")
    if left_out:
        said.append(f"{plural(left_out, 'configuration')} without both numbers left out.")
    title = f"{metric.title('test')} against {down.key} and {along.key}: {comparison.title}"
    arrange(figure, title, caption=" ".join(said))
    return figure


def _names(axis: Axis, *, is_written: bool) -> list[str]:
    names = [as_typed(value, digits=6) for value in axis.values]
    step = 1 if is_written else -(-len(names) // 40)  # of small cells each name has its line
    return [name if i % step == 0 else "" for i, name in enumerate(names)]


def _means(
    rows: Sequence[Configuration], down: Axis, along: Axis, metric: Metric
) -> tuple[
    "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
]:
    """Means as shown, NaN without a result, and n: (R, C) each."""
    shape = len(down.values), len(along.values)
    means, n = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for row in rows:
        at = down.values.index(row.shown[down.key]), along.values.index(row.shown[along.key])
        values = [float(result[f"test_{metric.column}"]) for result in row.results]
        means[at], n[at] = metric.scale * np.mean(values), len(values)
    return means, n


def _texts(
    values: NDArray[np.float64], n: NDArray[np.int64], metric: Metric, *, with_n: bool
) -> list[list[str]]:
    return [
        [
            metric.cell(value / metric.scale) + (f"\nn={count}" if with_n else "")
            for value, count in zip(*line, strict=True)
        ]
        for line in zip(values, n, strict=True)
    ]
