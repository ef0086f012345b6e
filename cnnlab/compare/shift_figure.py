"""The figure of changed test images: accuracy against the size of the change, one line a model."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cnnlab.compare.figures.style import DPI, TEXT_GREY, drawable, looks
from cnnlab.text import plural

WIDTH, PLOT, STRIP = 9.0, 4.2, 0.85  # inches: the figure, the height of its plot, of the pictures
LEFT, RIGHT, BOTTOM, TITLE = 0.75, 0.25, 0.6, 0.5  # inches
LEGEND_ROW = 0.2  # inches
LONG_NAME = 60  # characters that have space beside one another in the legend


def shift_figure(
    table: pd.DataFrame, axis: str, title: str, pictures: ArrayLike, num_classes: int
) -> Figure:
    """Test accuracy against the size of a change, above it one image under each size.

    The line is the mean over the runs of a configuration, the band ±1 SD, where it has several.

    Args:
        table: a row for each ``configuration``, run and ``size``, with ``accuracy`` (fraction).
        axis: what the size is, with unit.
        pictures: in 0..1, (S, H, W) or (S, H, W, 3), in the order of the sizes.
        num_classes: for the line of chance.
    """
    names = list(dict.fromkeys(table["configuration"]))
    per_row = 3 if max(map(len, names)) <= LONG_NAME // 3 else 1
    rows = -(-(len(names) + 1) // per_row)
    bottom = BOTTOM + rows * LEGEND_ROW + 0.1
    height = bottom + PLOT + STRIP + TITLE
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    plot_width = WIDTH - LEFT - RIGHT
    box = (LEFT / WIDTH, bottom / height, plot_width / WIDTH, PLOT / height)
    axes = figure.add_axes(box)
    for name, look in zip(names, looks(len(names)), strict=True):
        found = table[table["configuration"] == name].groupby("size")["accuracy"]
        mean, sd = 100 * found.mean(), 100 * found.std()
        runs = int(found.size().max())
        note = f" ({plural(runs, 'run')}, band ±1 SD)" if runs > 1 else ""
        axes.plot(
            mean.index,
            mean,
            color=look.color,
            ls=look.line,
            marker=look.marker,
            ms=5,
            label=drawable(name) + note,
        )
        if runs > 1:
            low, high = (mean - sd).clip(lower=0), (mean + sd).clip(upper=100)
            axes.fill_between(mean.index, low, high, color=look.color, alpha=0.2, lw=0)
    chance = 100 / num_classes
    axes.axhline(chance, color=TEXT_GREY, ls=":", lw=1, label=f"chance, {chance:.3g}%")
    sizes = np.sort(table["size"].unique())
    step = float(np.diff(sizes).min()) if len(sizes) > 1 else 1.0
    low, high = sizes[0] - 0.6 * step, sizes[-1] + 0.6 * step
    axes.set(xlim=(low, high), ylim=(0, 101), ylabel="Test accuracy (%)")
    axes.set_xlabel(axis[:1].upper() + axis[1:])
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.grid(alpha=0.3)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="lower center",
        ncols=per_row,
        fontsize=9,
        frameon=False,
    )
    figure.suptitle(drawable(title), y=1 - 0.12 / height, va="top", fontsize=12, wrap=True)
    centres = [LEFT + plot_width * (size - low) / (high - low) for size in sizes]
    side = min(STRIP - 0.1, 0.92 * plot_width * step / (high - low))
    _draw_strip(figure, np.asarray(pictures), centres, bottom + PLOT + 0.08, side)
    return figure


def _draw_strip(
    figure: Figure,
    pictures: NDArray[np.floating],
    centres: Sequence[float],
    bottom: float,
    side: float,
) -> None:
    """The pictures in a row, each above its size; places in inches."""
    width, height = figure.get_size_inches()
    for picture, centre in zip(pictures, centres, strict=True):
        box = ((centre - side / 2) / width, bottom / height, side / width, side / height)
        axes = figure.add_axes(box)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
