"""Labels beside points, placed so that they cover neither each other nor the points."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Box = NDArray[np.float64]  # left, bottom, right, top, in pixels; or rows of such
Side = Literal["left", "right"]
# The candidate places, nearest first: how far up or down, in points, and on which side.
LIFTS = [0, *(sign * step for step in range(5, 200, 5) for sign in (1, -1))]
SIDES: tuple[Side, ...] = ("right", "left")
GAP = 8  # points between a point and a name beside it
LONG_GAP = 18  # the same for a name so far up or down that it needs a line to its point
LEADER_FROM = 10  # points up or down
MARKER = 5  # points, half of a marker's width
FONT_SIZE = 9


def place_labels(
    axes: Axes,
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    errors: Sequence[float],
    colors: Sequence[str],
) -> None:
    """Write each name at the free place nearest to its point.

    ``points`` are in data coordinates, and so are ``errors``, the halves of vertical error bars.
    The axes must have their final limits.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the pixel coordinates depend on the final layout
    pixels = figure.dpi / 72  # in one point
    taken = [_bar(axes, p, e, MARKER * pixels) for p, e in zip(points, errors, strict=True)]
    # From the top down, so that the lines of crowded names do not cross.
    for i in sorted(range(len(points)), key=lambda i: -points[i][1]):
        text = axes.annotate(names[i], points[i], fontsize=FONT_SIZE)
        size = np.array(text.get_window_extent().size)
        text.remove()
        x, y = axes.transData.transform(points[i])
        places = list(product(LIFTS, SIDES))
        boxes = np.array([_box(x, y, side, lift, pixels, size) for lift, side in places])
        best = int(_costs(boxes, np.array(taken), np.array(axes.bbox.extents)).argmin())
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
        )


def _gap(lift: int) -> int:
    return GAP if abs(lift) < LEADER_FROM else LONG_GAP


def _bar(axes: Axes, point: tuple[float, float], error: float, margin: float) -> Box:
    """The box of a marker and its error bar, in pixels."""
    (x, low), (_, high) = axes.transData.transform(
        [(point[0], point[1] - error), (point[0], point[1] + error)]
    )
    return np.array([x - margin, low - margin, x + margin, high + margin])


def _box(x: float, y: float, side: Side, lift: int, pixels: float, size: Box) -> Box:
    """The box of a name beside (x, y), in pixels."""
    gap = _gap(lift) * pixels
    corner = np.array(
        [x + gap if side == "right" else x - gap - size[0], y + lift * pixels - size[1] / 2]
    )
    return np.concatenate([corner, corner + size])


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
