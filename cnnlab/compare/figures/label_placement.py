"""Labels beside points, placed so that they cover neither each other nor the points."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

Box = NDArray[np.float64]  # left, bottom, right, top, in pixels; or rows of such
Pair = NDArray[np.float64] | tuple[float, float]
Pairs = NDArray[np.float64] | Sequence[tuple[float, float]]  # P of them
Side = Literal["left", "right"]
# The candidate places, nearest first: how far up or down, in points, and on which side.
LIFTS = [0, *(sign * step for step in range(5, 200, 5) for sign in (1, -1))]
SIDES: tuple[Side, ...] = ("right", "left")
GAP = 8  # points between a point and a name beside it
LONG_GAP = 18  # the same for a name so far up or down that it needs a line to its point
LEADER_FROM = 15  # points up or down
MARKER = 5  # points, half of a marker's width
FONT_SIZE = 9


def place_labels(
    axes: Axes,
    names: Sequence[str],
    points: Pairs,
    bars: Pairs,
    colors: Sequence[str],
    front: Sequence[tuple[float, float]] = (),
) -> bool:
    """Write each name at the free place nearest to its point; whether all found one.

    A name without a free place is left out; those that are empty are not placed.

    Args:
        points: in data coordinates; the axes must have their final place and limits.
        bars: lower and upper end of each vertical error bar, in data coordinates.
        front: corners of a line of horizontal and vertical steps, in data coordinates.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    pixels = figure.dpi / 72  # in one point
    taken = [_bar(axes, p, b, MARKER * pixels) for p, b in zip(points, bars, strict=True)]
    taken += _steps(axes, front, pixels)
    marks = len(taken)
    inside = np.array(axes.bbox.extents)
    all_placed = True
    # From the top down, so that the lines of crowded names do not cross.
    for i in sorted((i for i, name in enumerate(names) if name), key=lambda i: -points[i][1]):
        text = axes.annotate(names[i], points[i], fontsize=FONT_SIZE)
        size = np.array(text.get_window_extent().size)
        text.remove()
        x, y = axes.transData.transform(points[i])
        places = list(product(LIFTS, SIDES))
        boxes = np.array([_box(x, y, side, lift, pixels, size) for lift, side in places])
        costs = _costs(boxes, np.array(taken), inside)
        best = int(costs.argmin())
        texts = np.array([inside, *taken[marks:]])
        if costs[best] > 0 and not _is_free(boxes[best], texts):
            all_placed = False
            continue
        taken.append(boxes[best])
        lift, side = places[best]
        anchor = 0.0 if side == "right" else 1.0
        leader = {"arrowstyle": "-", "color": colors[i], "lw": 0.8, "relpos": (anchor, 0.5)}
        axes.annotate(
            names[i],
            points[i],
            xytext=(_gap(lift) if side == "right" else -_gap(lift), lift),
            textcoords="offset points",
            ha="left" if side == "right" else "right",
            va="center",
            fontsize=FONT_SIZE,
            arrowprops=leader if _gap(lift) == LONG_GAP else None,
            path_effects=[withStroke(linewidth=2, foreground="white")],  # over lines
        )
    return all_placed


def _gap(lift: int) -> int:
    return GAP if abs(lift) < LEADER_FROM else LONG_GAP


def _steps(axes: Axes, corners: Sequence[tuple[float, float]], margin: float) -> list[Box]:
    """The box of each step of a line, in pixels."""
    if not corners:
        return []
    at = axes.transData.transform(corners)
    low, high = np.minimum(at[:-1], at[1:]) - margin, np.maximum(at[:-1], at[1:]) + margin
    return list(np.concatenate([low, high], axis=1))


def _bar(axes: Axes, point: Pair, bar: Pair, margin: float) -> Box:
    """The box of a marker and its error bar, in pixels."""
    (x, low), (_, high) = axes.transData.transform([(point[0], end) for end in bar])
    return np.array([x - margin, low - margin, x + margin, high + margin])


def _box(x: float, y: float, side: Side, lift: int, pixels: float, size: Box) -> Box:
    """The box of a name beside (x, y), in pixels."""
    gap = _gap(lift) * pixels
    corner = np.array(
        [x + gap if side == "right" else x - gap - size[0], y + lift * pixels - size[1] / 2]
    )
    return np.concatenate([corner, corner + size])


def _is_free(box: Box, texts: Box) -> bool:
    """Whether a box is inside the first of ``texts`` and touches none of the others."""
    shared = _overlaps(box[None], texts)[0]
    area = (box[2] - box[0]) * (box[3] - box[1])
    return bool(shared[0] >= area - 1 and (shared[1:] < 1).all())


def _costs(boxes: Box, taken: Box, inside: Box) -> Box:
    """Square pixels that each box would cover, plus ten times those outside the axes."""
    covered = _overlaps(boxes, taken).sum(axis=1)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    costs: Box = covered + 10 * (area - _overlaps(boxes, inside[None])[:, 0])
    return costs.round()


def _overlaps(first: Box, second: Box) -> Box:
    """The areas that the boxes (A, 4) share with the boxes (B, 4): (A, B)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared: Box = np.clip(high - low, 0, None).prod(axis=2)
    return shared
