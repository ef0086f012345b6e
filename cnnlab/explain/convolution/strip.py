"""All steps of a sliding window on one picture: input, products and output, step by step."""

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from cnnlab.explain.convolution.animation import shown_steps
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
from cnnlab.explain.convolution.layout import GREY, Matrix, font_size, new_figure, write
from cnnlab.explain.convolution.matrix import number
from cnnlab.explain.convolution.placement import size_arithmetic
from cnnlab.explain.convolution.sliding import Sliding, Step
from cnnlab.explain.layers.formulas import by

MOST_STEPS = 18
MOST_COLUMNS = 9
DPI = 150
READABLE = 7  # points
# Inches.
COLUMN, GAP = 1.5, 0.22
KEY = 1.75  # the first column: names and the kernel
CELL, LARGE_CELL = 0.3, 0.45  # at most, and where numbers are long
LETTER, TITLE_LETTER, LINE = 0.1, 0.14, 0.27  # of caption and title
TOP, FOOT = 0.85, 0.6
STEP, SUM, BAND_GAP = 0.32, 0.36, 0.3


class _Band:
    """Where the rows of a band are: inputs, products with their sum, outputs."""

    def __init__(self, sliding: Sliding) -> None:
        padded, placement = sliding.padded.shape, sliding.placement
        self.cell = min(CELL, COLUMN / padded[1])
        fits = font_size(widest_middle(sliding), CELL) >= READABLE
        self.middle_cell = min(CELL if fits else COLUMN, COLUMN / placement.kernel[1])
        self.inputs = STEP
        self.middles = self.inputs + padded[0] * self.cell + 0.15
        self.sums = self.middles + placement.kernel[0] * self.middle_cell + 0.06
        self.outputs = self.sums + SUM
        outputs, most = numbers(sliding.output), COLUMN / placement.out_size[1]
        self.out_cell = min(self.cell, most)
        if font_size(outputs, most) > 0 and not font_size(outputs, self.out_cell):
            self.out_cell = min(most, LARGE_CELL)
        self.height = self.outputs + placement.out_size[0] * self.out_cell


def strip_figure(sliding: Sliding) -> Figure:
    """Each step a column: the input with its window, the products and their sum, the output.

    Of more than 18 steps, 18 at equal distances; the caption says so.
    """
    steps = shown_steps(sliding, MOST_STEPS)
    num_bands = -(-len(steps) // MOST_COLUMNS)
    columns = -(-len(steps) // num_bands)
    band = _Band(sliding)
    title = title_of(sliding)
    width = max(0.3 + KEY + columns * (COLUMN + GAP), 8.5, 0.6 + TITLE_LETTER * len(title))
    letters = int((width - 0.6) / LETTER)
    caption = [line for text in _caption(sliding, steps) for line in textwrap.wrap(text, letters)]
    height = TOP + num_bands * (band.height + BAND_GAP) + FOOT + LINE * (len(caption) - 1)
    figure = new_figure(width, height, DPI)
    write(figure, 0.3, 0.25, title, fontsize=17)
    for i in range(num_bands):
        top = TOP + i * (band.height + BAND_GAP)
        _draw_key(figure, sliding, band, top)
        for j, step in enumerate(steps[i * columns : (i + 1) * columns]):
            _draw_step(figure, sliding, step, band, 0.3 + KEY + j * (COLUMN + GAP), top)
    write(figure, 0.3, height - 0.25, "\n".join(caption), va="bottom", color=GREY, fontsize=13)
    return figure


def _draw_key(figure: Figure, sliding: Sliding, band: _Band, top: float) -> None:
    placement = sliding.placement
    look = {"fontsize": 13}
    write(figure, 0.3, top + band.inputs, f"input\n{by(placement.in_size)}", **look)
    output = f"output\n{by(placement.out_size)}"
    write(figure, 0.3, top + band.outputs, output, **look)
    if sliding.kernel is None:
        write(figure, 0.3, top + band.middles, "window", **look)
        return
    cells = numbers(sliding.kernel)
    cell = min(band.middle_cell, (KEY - 0.4) / len(cells[0]))
    Matrix(figure, 0.3, top + band.middles, cells, cell)
    write(figure, 0.3, top + band.sums, "kernel", **look)


def _draw_step(
    figure: Figure, sliding: Sliding, step: Step, band: _Band, left: float, top: float
) -> None:
    center = left + COLUMN / 2
    middle = {"ha": "center", "fontsize": 13}
    write(figure, center, top, f"step {step.number}", color=GREY, **middle)

    def place(cells: list[list[str]], row: float, cell: float) -> Matrix:
        return Matrix(figure, center - len(cells[0]) * cell / 2, top + row, cells, cell)

    shown = place(numbers(sliding.padded), band.inputs, band.cell)
    paint_input(sliding, shown)
    draw_window(sliding, shown).set_xy((step.left, step.top))
    products = place(numbers(middle_of(step)), band.middles, band.middle_cell)
    products.paint(*middle_faces(sliding, step))
    name = "sum" if sliding.pool is None else {"avg": "mean"}.get(sliding.pool, sliding.pool)
    write(figure, center, top + band.sums, f"{name} {number(step.result)}", **middle)
    result = place(numbers(sliding.output), band.outputs, band.out_cell)
    result.paint(*output_cells(sliding, step, result))


def _caption(sliding: Sliding, steps: Sequence[Step]) -> list[str]:
    said = f"Output size: {size_arithmetic(sliding.placement)}"
    about = [f"{len(steps)} of {len(sliding)} steps."] if len(steps) < len(sliding) else []
    if sliding.pool is None:
        about.append("Window times kernel gives the products; their sum is a number of the output.")
    return [" ".join(about), said] if about else [said]
