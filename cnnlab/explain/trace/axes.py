"""Which dimensions of a tensor are places of the image, followed through views.

A network may move its maps about: flatten them, put channels last, make tokens of positions. An
axis is one dimension, written as the factors that it was merged from; factors of size 1, the
batch among them, are left out.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

HEIGHT, WIDTH = 0, 1


class Factor(NamedTuple):
    """``size`` places down the height or along the width, or ``size`` channels (side None)."""

    size: int
    side: int | None = None


Axis = tuple[Factor, ...]
Axes = tuple[Axis, ...]


def axis(size: int, side: int | None = None) -> Axis:
    """A dimension that has not been merged from others."""
    return (Factor(size, side),) if size != 1 else ()


def channel_axes(shape: Iterable[int]) -> Axes:
    """The axes of a tensor without places."""
    return tuple(axis(size) for size in shape)


def map_axes(shape: Sequence[int]) -> Axes:
    """The axes of a tensor whose last two dimensions are height and width."""
    *channels, height, width = shape
    return (*channel_axes(channels), axis(height, HEIGHT), axis(width, WIDTH))


def is_map(axes: Axes) -> bool:
    """True if the last two dimensions are height and width, and no other one holds places."""
    if len(axes) < 2 or any(sides(axes[:-2])):
        return False
    return all(
        not held or [f.side for f in held] == [side]
        for held, side in zip(axes[-2:], (HEIGHT, WIDTH), strict=True)
    )


def sides(axes: Iterable[Axis]) -> list[Factor]:
    """The factors that are places."""
    return [factor for held in axes for factor in held if factor.side is not None]


def regroup(axes: Axes, shape: Sequence[int]) -> Axes | None:
    """The axes after a view; None where it does not cut along the factors.

    Height or width cut into windows becomes several factors, and one again where they meet again.
    """
    factors = _joined(factor for held in axes for factor in held)
    regrouped = []
    for size in shape:
        held: list[Factor] = []
        while math.prod(factor.size for factor in held) < size:
            left = size // math.prod(factor.size for factor in held)
            if not factors:
                return None
            first = factors.pop(0)
            if left % first.size == 0:
                held.append(first)
            elif first.size % left == 0:
                held.append(Factor(left, first.side))
                factors.insert(0, Factor(first.size // left, first.side))
            else:
                return None
        regrouped.append(tuple(held))
    return None if factors else tuple(regrouped)


def _joined(factors: Iterable[Factor]) -> list[Factor]:
    """Neighbouring factors of one kind as one, so that it can be cut anywhere."""
    joined: list[Factor] = []
    for factor in factors:
        if joined and joined[-1].side == factor.side:
            joined[-1] = Factor(joined[-1].size * factor.size, factor.side)
        else:
            joined.append(factor)
    return joined
