"""What of a sliding window's matrices is coloured at a step, and the numbers in them."""

import numpy as np
from matplotlib.colors import to_rgba
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
    shades,
)
from cnnlab.explain.convolution.matrix import number
from cnnlab.explain.convolution.sliding import Sliding, Step
from cnnlab.explain.layers.formulas import by

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
    tint = to_rgba(ORANGE, 0.18)
    window = Rectangle((0, 0), columns, rows, fc=tint, ec=ORANGE, lw=2.5, zorder=5, clip_on=False)
    drawn.axes.add_patch(window)
    return window


def widest_middle(sliding: Sliding) -> Cells:
    """Cells of products, or of a pooled window, full of their longest number of all steps."""
    values = {x for step in sliding.steps for x in middle_of(step).flatten().tolist()}
    rows, columns = sliding.placement.kernel
    return [[max(map(number, values), key=len)] * columns] * rows


def middle_of(step: Step) -> Tensor:
    """The products, or the window that is pooled."""
    return step.values if step.products is None else step.products
