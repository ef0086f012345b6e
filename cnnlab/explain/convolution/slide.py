"""One step of a sliding window as a slide: input, kernel, products, sum, and the output so far."""

import textwrap

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.explain.convolution.layout import (
    BLUE,
    GREY,
    ORANGE,
    PADDING,
    PALE_BLUE,
    PALE_ORANGE,
    Cells,
    Matrix,
    new_figure,
    shades,
    write,
)
from cnnlab.explain.convolution.matrix import number
from cnnlab.explain.convolution.placement import size_arithmetic
from cnnlab.explain.convolution.sliding import Sliding, Step
from cnnlab.explain.convolution.step_table import RESULTS, arithmetic
from cnnlab.explain.layers.formulas import by

WIDTH, DPI = 12.8, 100  # inches, dots per inch: 1280 pixels
SIDE, TOP, GAP, FOOT = 0.5, 1.5, 0.75, 1.4  # inches: margins, and between two matrices
CELL = 0.62  # inches at most
HIGHEST = 4.6  # inches of the highest matrix
LONGEST_LINE, MOST_LINES = 84, 2  # of the sum, in characters

Faces = NDArray[np.object_]


def numbers(matrix: Tensor) -> list[list[str]]:
    """A matrix as the texts of its cells."""
    return [[number(value) for value in row] for row in matrix.tolist()]


def title_of(sliding: Sliding) -> str:
    """``Cross-correlation: 5x5 input, 3x3 kernel, stride 1, no padding``"""
    placement = sliding.placement
    size = f"{by(placement.in_size)} input, {by(placement.kernel)}"
    if sliding.pool:
        kind = {"max": "Max", "avg": "Average", "min": "Min"}[sliding.pool]
        return f"{kind} pooling: {size} window, stride {placement.stride[0]}"
    rows, columns = placement.border
    border = "no padding"
    if sum(rows) + sum(columns):
        equal = rows == columns and rows[0] == rows[1]
        zeros = f"{rows[0]}" if equal else "{}+{} rows, {}+{} columns".format(*rows, *columns)
        border = f"zero padding {zeros}"
    return f"Cross-correlation: {size} kernel, stride {placement.stride[0]}, {border}"


def paint_input(sliding: Sliding, drawn: Matrix) -> None:
    """Colour the padded input's cells and numbers: the border grey."""
    if not drawn.has_numbers:
        drawn.paint(shades(sliding.padded.numpy()))
        return
    top, left = (side[0] for side in sliding.placement.border)
    height, width = sliding.placement.in_size
    shape = tuple(sliding.padded.shape)
    faces, inks = np.full(shape, PADDING, dtype=object), np.full(shape, GREY, dtype=object)
    inner = np.s_[top : top + height, left : left + width]
    faces[inner], inks[inner] = "white", "black"
    drawn.paint(faces, inks)


def output_cells(sliding: Sliding, step: Step, drawn: Matrix) -> tuple[Faces, Faces, Cells]:
    """The output up to a step: colours of cells and numbers, and the numbers."""
    texts = numbers(sliding.output)
    shape = (len(texts), len(texts[0]))
    faces, inks = np.full(shape, "white", dtype=object), np.full(shape, "black", dtype=object)
    done = np.arange(shape[0] * shape[1]).reshape(shape) < step.number
    faces[done] = PALE_BLUE
    if not drawn.has_numbers:
        faces[done] = shades(sliding.output.numpy())[done]
    faces[step.row, step.column], inks[step.row, step.column] = BLUE, "white"
    shown = [
        [text if done[i, j] else "" for j, text in enumerate(row)] for i, row in enumerate(texts)
    ]
    return faces, inks, shown


def middle_faces(sliding: Sliding, step: Step) -> tuple[Faces, Faces]:
    """Colours of the products' cells and numbers, or of the window's, of which one is pooled."""
    shape = tuple(step.values.shape)
    faces, inks = np.full(shape, PALE_ORANGE, dtype=object), np.full(shape, "black", dtype=object)
    if sliding.pool in ("max", "min"):
        chosen = np.unravel_index(int((step.values == step.result).int().argmax()), shape)
        faces[chosen], inks[chosen] = BLUE, "white"
    return faces, inks


def draw_window(sliding: Sliding, drawn: Matrix) -> Rectangle:
    """The window over the input, at the first position; its tint lets the numbers through."""
    rows, columns = sliding.placement.kernel
    look = {"fc": to_rgba(ORANGE, 0.18), "ec": ORANGE, "lw": 2.5, "zorder": 5}
    window = Rectangle((0, 0), columns, rows, clip_on=False, **look)
    drawn.axes.add_patch(window)
    return window


class Slide:
    """The figure of a step, in which another step can be shown."""

    def __init__(self, sliding: Sliding) -> None:
        """Draw all that is the same in every step."""
        self.sliding = sliding
        parts: list[tuple[str, Cells]] = [("input", numbers(sliding.padded))]
        if sliding.kernel is not None:
            parts.append(("kernel", numbers(sliding.kernel)))
        parts.append(("window" if sliding.pool else "products", self._widest()))
        parts.append(("output", numbers(sliding.output)))
        columns = sum(len(cells[0]) for _, cells in parts)
        rows = max(len(cells) for _, cells in parts)
        gaps = (len(parts) - 1) * GAP
        cell = min(CELL, (WIDTH - 2 * SIDE - gaps) / columns, HIGHEST / rows)
        self.figure = new_figure(WIDTH, TOP + rows * cell + FOOT, DPI)
        left = (WIDTH - gaps - columns * cell) / 2
        center = TOP + rows * cell / 2
        self._drawn: dict[str, Matrix] = {}
        signs = ["×", "=", "sum\n→"] if sliding.pool is None else ["→", f"{sliding.pool}\n→"]
        for i, (name, cells) in enumerate(parts):
            top = center - len(cells) * cell / 2
            matrix = self._drawn[name] = Matrix(self.figure, left, top, cells, cell)
            heading = _heading(name, sliding, (len(cells), len(cells[0])))
            look = {"ha": "center", "va": "bottom", "fontsize": 15}
            write(self.figure, left + matrix.width / 2, top - 0.12, heading, **look)
            left += matrix.width + GAP
            if i < len(signs):
                word, _, sign = signs[i].rpartition("\n")
                place = {"ha": "center", "va": "center", "color": GREY}
                write(self.figure, left - GAP / 2, center, sign, fontsize=24, **place)
                write(self.figure, left - GAP / 2, center - 0.22, word, fontsize=13, **place)
        write(self.figure, WIDTH / 2, 0.28, title_of(sliding), fontsize=18, ha="center")
        position = write(self.figure, WIDTH / 2, 0.68, "", ha="center", color=GREY, fontsize=14)
        foot = TOP + rows * cell
        size = f"Output size: {size_arithmetic(sliding.placement)}"
        small = {"fontsize": 14, "ha": "center", "va": "bottom", "color": GREY}
        write(self.figure, WIDTH / 2, foot + FOOT - 0.2, size, **small)
        paint_input(sliding, self._drawn["input"])
        self._window = draw_window(sliding, self._drawn["input"])
        big = {"fontsize": 17, "ha": "center", "color": "black"}
        equation = write(self.figure, WIDTH / 2, foot + 0.25, "", **big)
        self._texts = position, equation

    def _widest(self) -> Cells:
        """The products' cells with their longest numbers, for which there must be space."""
        longest = max(
            (
                number(value)
                for step in self.sliding.steps
                for value in _middle(step).flatten().tolist()
            ),
            key=len,
        )
        rows, columns = self.sliding.placement.kernel
        return [[longest] * columns for _ in range(rows)]

    @property
    def artists(self) -> list[Artist]:
        """All that differs from step to step."""
        changing = [self._drawn[name] for name in self._drawn if name not in ("input", "kernel")]
        return [*(a for matrix in changing for a in matrix.artists), self._window, *self._texts]

    def show(self, step: Step) -> None:
        """Change the figure to a step."""
        drawn = self._drawn
        self._window.set_xy((step.left, step.top))
        middle = drawn["window" if self.sliding.pool else "products"]
        middle.paint(*middle_faces(self.sliding, step), texts=numbers(_middle(step)))
        drawn["output"].paint(*output_cells(self.sliding, step, drawn["output"]))
        place = f"row {step.row + 1}, column {step.column + 1} of the output"
        self._texts[0].set_text(f"step {step.number} of {len(self.sliding)}: {place}")
        self._texts[1].set_text(_equation(step, self.sliding))


def _heading(name: str, sliding: Sliding, size: tuple[int, int]) -> str:
    in_size = sliding.placement.in_size
    if name == "input" and size != in_size:
        return f"input {by(in_size)}, padded to {by(size)}"
    return f"{name} {by(size)}"


def _middle(step: Step) -> Tensor:
    return step.values if step.products is None else step.products


def _equation(step: Step, sliding: Sliding) -> str:
    """The sum with all its products, or without where that is too long for a slide."""
    result = number(step.result)
    if sliding.pool:
        return f"{RESULTS[sliding.pool]} = {result}"
    lines = textwrap.wrap(f"{arithmetic(step, sliding)} = {result}", LONGEST_LINE)
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    return f"sum of the {step.values.numel()} products = {result}"


def step_figure(sliding: Sliding, step: int = 1) -> Figure:
    """One step as a matplotlib figure.

    Args:
        step: its number, from 1.
    """
    slide = Slide(sliding)
    slide.show(next(found for found in sliding.steps if found.number == step))
    return slide.figure
