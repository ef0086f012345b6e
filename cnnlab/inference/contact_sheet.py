"""Pictures beside what a network saw of them, with its guesses: one figure for many pictures."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnnlab.inference.predict import Prediction
from cnnlab.terminal import middle_cut
from cnnlab.text import plural

MOST_SHOWN = 48
MOST_COLUMNS = 4
CELL = (2.7, 1.82)  # inches of a pair of pictures with its lines of text
HEAD = 0.75  # inches above them
LONGEST = 28  # letters of a file's name
LONGEST_CLASS = 20


def contact_sheet(
    predictions: Sequence[Prediction], title: str, number: int | None = None
) -> Figure:
    """Draw each picture, what the network saw of it, its most probable class and confidence.

    Args:
        predictions: at least one; the first 48 are drawn.
        title: names the network.
        number: of pictures, if there are more than these predictions.

    Raises:
        ValueError: there is no prediction.
    """
    if not predictions:
        raise ValueError("a contact sheet needs at least one prediction")
    shown = predictions[:MOST_SHOWN]
    total = max(number or 0, len(predictions))
    columns = min(MOST_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    width, height = max(2, columns) * CELL[0], rows * CELL[1] + HEAD
    figure = Figure(figsize=(width, height), dpi=150)
    count = plural(total, "picture") if total == len(shown) else f"{len(shown)} of {total} pictures"
    _text(figure, 0.22 / height, middle_cut(title, int(width * 9)), 12)
    size = "x".join(map(str, shown[0].pixels.shape[1:]))
    _text(figure, 0.46 / height, f"{count}: as they are, and as the network saw them ({size})", 9)
    offset = (width - columns * CELL[0]) / 2
    for index, prediction in enumerate(shown):
        row, column = divmod(index, columns)
        left = offset + column * CELL[0]
        top = HEAD + row * CELL[1]
        for place, image in enumerate((prediction.thumbnail, _picture(prediction.pixels))):
            box = (left + 0.1 + 1.27 * place, height - top - 0.25 - 1.22, 1.22, 1.22)
            axes = figure.add_axes(tuple(np.divide(box, (width, height) * 2)))
            _show(axes, image)
        middle = (left + CELL[0] / 2) / width
        name = middle_cut(PurePath(prediction.file).name, LONGEST)
        _text(figure, (top + 0.14) / height, name, 8, middle)
        guess = middle_cut(prediction.classes[0], LONGEST_CLASS)
        answer = f"{guess}  {prediction.probabilities[0]:.1%}"
        _text(figure, (top + 1.6) / height, answer, 10, middle, "bold")
    return figure


def _text(
    figure: Figure, down: float, text: str, size: float, across: float = 0.5, weight: str = "normal"
) -> None:
    """A line centred in the figure, ``down`` and ``across`` as shares of it from the top left."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "size": size, "weight": weight}
    figure.text(across, 1 - down, text, parse_math=False, **style)


def _show(axes: Axes, image: NDArray[np.uint8]) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color="0.7", linewidth=0.5)


def _picture(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(C, H, W) as matplotlib has it: (H, W), or (H, W, 3)."""
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
