"""Matrices as cells with numbers, and places in a figure by inches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

# Okabe & Ito 2008, distinct to colour-blind readers, and tints of them.
ORANGE, BLUE = "#D55E00", "#0072B2"
PALE_ORANGE, PALE_BLUE = "#FCE3CF", "#D3E6F4"
PADDING, LINE, GREY = "#E9E9E9", "#8C8C8C", "#5F5F5F"
SMALLEST = 4.5  # points; smaller numbers are left out
LARGEST_FONT = 17
DIGIT = 0.62  # width of a digit, in font sizes

Cells = Sequence[Sequence[str]]


def new_figure(width: float, height: float, dpi: int) -> Figure:
    """An empty figure, in inches, which can be rendered without a display."""
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place that is measured in inches from the upper left corner."""
    total_width, total_height = figure.get_size_inches()
    bottom = total_height - top - height
    box = (
        left / total_width,
        bottom / total_height,
        width / total_width,
        height / total_height,
    )
    return figure.add_axes(box)


def write(figure: Figure, left: float, top: float, text: str, **look: Any) -> Text:
    """Text at a place in inches; ``top`` is its upper edge, unless ``va`` is set."""
    width, height = figure.get_size_inches()
    options: dict[str, Any] = {"va": "top", "ha": "left", "fontsize": 12, **look}
    return figure.text(left / width, 1 - top / height, text, **options)


class Matrix:
    """A matrix drawn as square cells; colours and numbers can change."""

    def __init__(self, figure: Figure, left: float, top: float, texts: Cells, cell: float) -> None:
        """Draw it with its upper left corner there, its cells of ``cell`` inches white."""
        self.rows, self.columns = len(texts), len(texts[0])
        self.width, self.height = self.columns * cell, self.rows * cell
        self.axes = add_axes(figure, left, top, self.width, self.height)
        self.axes.set(xlim=(0, self.columns), ylim=(self.rows, 0))
        self.axes.axis("off")
        zeros = np.zeros((self.rows, self.columns))
        self._mesh = self.axes.pcolormesh(
            zeros, edgecolor=LINE, linewidth=min(0.6, cell * 4), clip_on=False
        )
        self._mesh.set_array(None)
        self._size = font_size(texts, cell)
        self._texts = [
            self.axes.text(
                column + 0.5,
                row + 0.52,
                texts[row][column],
                ha="center",
                va="center",
                fontsize=self._size,
            )
            for row in range(self.rows if self._size else 0)
            for column in range(self.columns)
        ]
        self.paint(np.full((self.rows, self.columns), "white", dtype=object))

    @property
    def artists(self) -> list[Artist]:
        """All that changes."""
        return [self._mesh, *self._texts]

    @property
    def has_numbers(self) -> bool:
        """Whether the cells are large enough for them."""
        return self._size > 0

    def paint(
        self,
        faces: NDArray[np.object_],
        inks: NDArray[np.object_] | None = None,
        texts: Cells | None = None,
    ) -> None:
        """Colour the cells (H, W) and their numbers, and write other numbers."""
        self._mesh.set_facecolor([to_rgba(face) for face in faces.flatten()])
        if not self._texts:
            return
        colors = ["black"] * len(self._texts) if inks is None else inks.flatten().tolist()
        for i, (text, color) in enumerate(zip(self._texts, colors, strict=True)):
            text.set_color(color)
            if texts is not None:
                text.set_text(texts[i // self.columns][i % self.columns])


def font_size(texts: Cells, cell: float) -> float:
    """Points of numbers that fit into a cell of that side in inches; 0 where too small."""
    longest = max((len(text) for row in texts for text in row), default=1)
    points = 72 * cell
    size = min(LARGEST_FONT, 0.52 * points, 0.9 * points / (DIGIT * max(longest, 1)))
    return size if size >= SMALLEST else 0


def shades(values: NDArray[np.float64]) -> NDArray[np.object_]:
    """Greys for cells that are too small for numbers: the largest value black.  (H, W)"""
    span = float(values.max() - values.min()) or 1.0
    levels = 1 - 0.8 * (values - values.min()) / span
    faces = np.empty(values.shape, dtype=object)
    for index, level in np.ndenumerate(levels):
        faces[index] = str(round(float(level), 3))
    return faces
