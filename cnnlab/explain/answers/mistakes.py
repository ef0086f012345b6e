"""Wrongly classified images in a grid: what each is, what it was taken for, how surely."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

COLUMNS = 5
CELL = 1.75  # inches
ORANGE, GREEN = "#D55E00", "#00795A"
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
    figure = Figure(
        figsize=(COLUMNS * CELL, rows * (CELL + 0.45) + 0.5), dpi=150, layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.1, hspace=0.03)
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
    figure.suptitle(title or "The most confident mistakes", fontsize=11, wrap=True)
    return figure


def _percent(sure: float) -> str:
    return f"{sure:.1%}" if sure < 0.9995 else "over 99.9%"
