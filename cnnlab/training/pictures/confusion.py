"""The confusion matrix as a picture: which classes a network takes for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cnnlab.explain.answers.confusion import confusion_counts
from cnnlab.text import in_lines
from cnnlab.training.pictures.class_names import drawable, short_names

MOST_NUMBERED = 30  # classes; above it the cells are too small for a number
WIDTH_OF_LETTER = 0.6 / 72  # inches, for each point of the font's size
MOST_NAMED = 100  # classes; above it only every other one is named, or every third and so on
SMALLEST_FONT = 7  # points, at 120 dots per inch
DARK = 50  # percent; above it the number is written in white


def confusion_figure(
    labels: ArrayLike, predictions: ArrayLike, class_names: Sequence[str] = (), title: str = ""
) -> Figure:
    """Draw the K x K confusion matrix: counts as numbers, percent of each true class as colour.

    ``labels`` and ``predictions`` are class indices (N,). Without ``class_names`` the classes
    are numbered from 0 to the largest index.

    Raises:
        ValueError: lengths differ, there are no labels, or an index has no class name.
    """
    true, predicted = np.asarray(labels), np.asarray(predictions)
    if true.shape != predicted.shape or true.ndim != 1 or len(true) == 0:
        raise ValueError(f"labels {true.shape} and predictions {predicted.shape} must both be (N,)")
    largest = int(max(true.max(), predicted.max()))
    names = list(class_names) or [str(index) for index in range(largest + 1)]
    if largest >= len(names):
        raise ValueError(f"class {largest} has no name; there are {len(names)} names")
    counts = confusion_counts(true, predicted, len(names))
    right = int(np.trace(counts))
    share = f"{right} of {len(true)} right ({100 * right / len(true):.2f}%)"
    return _draw(counts, short_names(names), drawable(title) or "Confusion matrix", share)


def _draw(counts: NDArray[np.int64], names: Sequence[str], title: str, share: str) -> Figure:
    per_class = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    percent = 100 * counts / per_class
    k = len(names)
    is_numbered = k <= MOST_NUMBERED
    # Inches, as all lengths here; many classes have a font's height each.
    side = max(3.3, 0.5 * k) if k <= 24 else max(12, 0.17 * min(k, MOST_NAMED))
    font_size = 9 if is_numbered else SMALLEST_FONT
    slanted = max(map(len, names)) > 3
    # Margins by arithmetic: matplotlib's layout engine would take longer than all the drawing.
    words = max(map(len, names)) * font_size * WIDTH_OF_LETTER
    left, bottom = 0.5 + words, 0.5 + (words if slanted else 0.15)
    width = left + side + 1.1
    lines = in_lines(title, int(0.85 * width / (10 * WIDTH_OF_LETTER)))  # a run's name can be long
    height = bottom + side + 0.4 + 0.17 * len(lines)
    figure = Figure(figsize=(width, height), dpi=120)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    # Without numbers a colour must tell one percent from none.
    norm = Normalize(0, 100) if is_numbered else PowerNorm(0.5, 0, 100)
    image = axes.imshow(percent, cmap="Blues", norm=norm)
    axes.set_title("\n".join([*lines, share]), fontsize=10)
    axes.set(xlabel="Predicted class", ylabel="True class")
    step = -(-k // MOST_NAMED)
    axes.set_xticks(range(0, k, step), names[::step], fontsize=font_size)
    axes.set_yticks(range(0, k, step), names[::step], fontsize=font_size)
    axes.tick_params("x", rotation=90 if slanted else 0)
    if not is_numbered:  # lines to follow to a name
        for line in range(10, k, 10):
            axes.axhline(line - 0.5, color="lightgrey", linewidth=0.5)
            axes.axvline(line - 0.5, color="lightgrey", linewidth=0.5)
    bar = (left + side + 0.2, bottom + 0.1 * side, 0.15, 0.8 * side)
    scale = figure.add_axes(tuple(np.divide(bar, (width, height) * 2)))
    figure.colorbar(image, cax=scale, label="Percent of the true class")
    if is_numbered:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if percent[row, column] > DARK else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=color, size=8)
    return figure
