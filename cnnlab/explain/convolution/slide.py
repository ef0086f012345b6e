"""One step of a sliding window as a slide: input, kernel, products, sum, and the output so far."""

import textwrap
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from cnnlab.explain.convolution.cells import (
    draw_window,
    middle_faces,
    middle_of,
    numbers,
    output_cells,
    paint_input,
    title_of,
    widest_middle,
)
from cnnlab.explain.convolution.layout import GREY, Cells, Matrix, font_size, new_figure, write
from cnnlab.explain.convolution.matrix import number
from cnnlab.explain.convolution.placement import size_arithmetic
from cnnlab.explain.convolution.sliding import Sliding, Step
from cnnlab.explain.convolution.step_table import RESULTS, arithmetic
from cnnlab.explain.layers.formulas import by

WIDTH, DPI = 12.8, 100  # inches, dots per inch: 1280 pixels
SIDE, TOP, GAP, FOOT = 0.5, 1.5, 0.75, 1.4  # inches: margins, and between two matrices
CELL = 0.62  # inches at most
READABLE = 9  # points
HIGHEST = 4.6  # inches of the highest matrix
LONGEST_LINE, MOST_LINES = 84, 2  # of the sum, in characters


class Slide:
    """The figure of a step, in which another step can be shown."""

    def __init__(self, sliding: Sliding) -> None:
        """Draw all that is the same in every step."""
        self.sliding = sliding
        parts: list[tuple[str, Cells]] = [("input", numbers(sliding.padded))]
        if sliding.kernel is not None:
            parts.append(("kernel", numbers(sliding.kernel)))
        parts.append(("window" if sliding.pool else "products", widest_middle(sliding)))
        parts.append(("output", numbers(sliding.output)))
        cell, middle_cell = _cell_sizes(parts)
        sizes = [cell if name in ("input", "output") else middle_cell for name, _ in parts]
        widths = [len(cells[0]) * size for (_, cells), size in zip(parts, sizes, strict=True)]
        highest = max(len(cells) * size for (_, cells), size in zip(parts, sizes, strict=True))
        self.figure = new_figure(WIDTH, TOP + highest + FOOT, DPI)
        center = TOP + highest / 2
        left = (WIDTH - sum(widths) - (len(parts) - 1) * GAP) / 2
        self._drawn: dict[str, Matrix] = {}
        for (name, cells), size in zip(parts, sizes, strict=True):
            top = center - len(cells) * size / 2
            matrix = self._drawn[name] = Matrix(self.figure, left, top, cells, size)
            heading = _heading(name, sliding, (len(cells), len(cells[0])))
            look = {"ha": "center", "va": "bottom", "fontsize": 15}
            write(self.figure, left + matrix.width / 2, top - 0.12, heading, **look)
            left += matrix.width + GAP
            if name != "output":
                word, sign = _sign(name, sliding)
                place = {"ha": "center", "va": "center", "color": GREY}
                write(self.figure, left - GAP / 2, center, sign, fontsize=24, **place)
                write(self.figure, left - GAP / 2, center - 0.22, word, fontsize=13, **place)
        write(self.figure, WIDTH / 2, 0.28, title_of(sliding), fontsize=18, ha="center")
        position = write(self.figure, WIDTH / 2, 0.68, "", ha="center", color=GREY, fontsize=14)
        foot = TOP + highest
        arithmetic_of_size = f"Output size: {size_arithmetic(sliding.placement)}"
        small = {"fontsize": 14, "ha": "center", "va": "bottom", "color": GREY}
        write(self.figure, WIDTH / 2, foot + FOOT - 0.2, arithmetic_of_size, **small)
        paint_input(sliding, self._drawn["input"])
        self._window = draw_window(sliding, self._drawn["input"])
        big = {"fontsize": 17, "ha": "center", "color": "black"}
        equation = write(self.figure, WIDTH / 2, foot + 0.25, "", **big)
        self._texts = position, equation

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
        middle.paint(*middle_faces(self.sliding, step), texts=numbers(middle_of(step)))
        drawn["output"].paint(*output_cells(self.sliding, step, drawn["output"]))
        place = f"row {step.row + 1}, column {step.column + 1} of the output"
        self._texts[0].set_text(f"step {step.number} of {len(self.sliding)}: {place}")
        self._texts[1].set_text(_equation(step, self.sliding))


def _cell_sizes(parts: Sequence[tuple[str, Cells]]) -> tuple[float, float]:
    """Inches of a cell of input and output, and of a cell of what is between them.

    They are equal, unless the numbers between would then be hard to read.
    """
    outer = [cells for name, cells in parts if name in ("input", "output")]
    inner = [cells for name, cells in parts if name not in ("input", "output")]
    space = WIDTH - 2 * SIDE - (len(parts) - 1) * GAP
    rows, columns = (max(map(len, outer)), sum(len(cells[0]) for cells in outer))
    window = sum(len(cells[0]) for cells in inner)
    cell = min(CELL, space / (columns + window), HIGHEST / max(rows, len(inner[0])))
    if all(font_size(cells, cell) >= READABLE for cells in inner):
        return cell, cell
    middle = min(CELL, space / 2 / window, HIGHEST / len(inner[0]))
    return min(CELL, (space - window * middle) / columns, HIGHEST / rows), middle


def _sign(name: str, sliding: Sliding) -> tuple[str, str]:
    """The sign behind a matrix, and the word over it."""
    if name == "input":
        return "", "→" if sliding.pool else "\N{MULTIPLICATION SIGN}"
    return ("", "=") if name == "kernel" else (sliding.pool or "sum", "→")


def _heading(name: str, sliding: Sliding, size: tuple[int, int]) -> str:
    in_size = sliding.placement.in_size
    if name == "input" and size != in_size:
        return f"input {by(in_size)}, padded to {by(size)}"
    return f"{name} {by(size)}"


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
