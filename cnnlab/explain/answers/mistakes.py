"""Wrongly classified images in a grid: what each is, what it was taken for, how surely."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cnnlab.text import in_lines

COLUMNS = 5
CELL, GAP, TEXT, TITLE = 1.7, 0.15, 0.62, 0.45  # inches: a picture's side, what is around it
ORANGE, GREEN = "#D55E00", "#00795A"
LINE, LETTERS_OF_TITLE = 0.2, 95  # inches of a further line of the title
LETTERS = 18  # of a class name beside its heading, at the larger font


def mistakes_figure(
    pixels: NDArray[np.uint8],
    labels: ArrayLike,
    predicted: ArrayLike,
    confidence: ArrayLike,
    class_names: Sequence[str],
    title: str = "",
) -> Figure:
    """The pictures in a grid, five in a row, each with truth, guess and confidence.

    Args:
        pixels: uint8 (M, C, H, W), with one channel or three; M is at least 1.
        labels: the right classes, (M,).
        predicted: the answers, (M,).
        confidence: the probabilities of the answers, (M,).
        class_names: (K,), short.
    """
    count = len(pixels)
    rows = -(-count // COLUMNS)
    # Margins by arithmetic: matplotlib's layout engine would take longer than all the drawing.
    lines = in_lines(title or "The most confident mistakes", LETTERS_OF_TITLE)
    above = TITLE + LINE * (len(lines) - 1)
    width, height = COLUMNS * (CELL + GAP) + GAP, rows * (CELL + TEXT) + above
    figure = Figure(figsize=(width, height), dpi=150)
    figure.subplots_adjust(
        left=GAP / width,
        right=1 - GAP / width,
        top=1 - (above + 0.25) / height,
        bottom=(TEXT - 0.25) / height,
        wspace=GAP / CELL,
        hspace=TEXT / CELL,
    )
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    rest = [np.asarray(array).tolist() for array in (labels, predicted, confidence)]
    for axes, picture, true, guess, sure in zip(grid, pixels, *rest, strict=False):
        names = (class_names[true], class_names[guess])
        size = 9 if max(map(len, names)) <= LETTERS - 6 else 6.5
        axes.imshow(picture.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"true: {names[0]}", fontsize=size, color=GREEN, pad=3)
        axes.set_xlabel(
            f"predicted: {names[1]}\n{_percent(sure)} sure", fontsize=size, color=ORANGE
        )
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in grid[count:]:
        axes.set_visible(False)
    figure.suptitle("\n".join(lines), y=1 - 0.12 / height, va="top", fontsize=11)
    return figure


def _percent(sure: float) -> str:
    return f"{sure:.1%}" if sure < 0.9995 else "over 99.9%"
