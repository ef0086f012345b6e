"""Rows of images with their captions: training images, mistakes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnnlab.text import in_lines

Drawable = NDArray[np.floating]  # (N, H, W, 3) or (N, H, W), in 0..1
SIDE = 1.25  # inches of an image
MARGIN = 1.0  # inches left of the images, for the names of rows
LINE = 0.17  # inches of a line of text
LETTERS = 11  # of the title, to an inch
NARROWEST = 5.5  # inches


def drawable_images(images: NDArray[np.floating]) -> Drawable:
    """(N, C, H, W) in 0..1 as they are drawn; neither grey nor colour: the first channel."""
    return images.transpose(0, 2, 3, 1) if images.shape[1] == 3 else images[:, 0]


def image_rows_figure(
    rows: Sequence[Drawable],
    captions: Sequence[Sequence[str]],
    title: str,
    *,
    names: Sequence[str] = (),
    dpi: int = 150,
) -> Figure:
    """Draw rows of images.

    Args:
        captions: of each row, what is written above its images; an empty list writes nothing.
        names: of the rows, written at their left.
    """
    left = MARGIN if any(names) else 0.15
    width = max(left + max(map(len, rows)) * SIDE + 0.15, NARROWEST)
    lines = in_lines(title, int(LETTERS * width))
    above = [LINE * max((text.count("\n") + 1 for text in row), default=0) for row in captions]
    height = 0.3 + 0.2 * len(lines) + sum(above) + len(rows) * (SIDE + 0.06)
    figure = Figure(figsize=(width, height), dpi=dpi)
    figure.suptitle("\n".join(lines), fontsize=11, y=1 - 0.12 / height, va="top")
    axes = figure.add_axes((0, 0, 1, 1))  # one for all: each takes longer than an image
    axes.set_axis_off()
    top = height - 0.2 - 0.2 * len(lines)
    for number, (images, row, text_height) in enumerate(zip(rows, captions, above, strict=True)):
        top -= text_height + SIDE + 0.06
        longest = max((len(line) for text in row for line in text.split("\n")), default=0)
        for column, image in enumerate(images):
            x = left + column * SIDE + 0.04
            extent = (x, x + SIDE - 0.08, top, top + SIDE - 0.08)
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")
            if row:
                size = 8 if longest <= 17 else 5.5
                place = (x + SIDE / 2 - 0.04, top + SIDE - 0.05)
                axes.text(*place, row[column], ha="center", va="bottom", fontsize=size)
        if any(names):
            place = (left - 0.12, top + SIDE / 2)
            axes.text(*place, names[number], ha="right", va="center", fontsize=9)
    axes.set(xlim=(0, width), ylim=(0, height))
    return figure
