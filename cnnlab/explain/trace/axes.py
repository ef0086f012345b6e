"""Which dimensions of a tensor are spatial, followed through views.

A network may flatten its maps, put channels last or make tokens of positions. An axis is one
dimension, written as the factors that it was merged from; factors of size 1, such as the batch,
are left out.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

HEIGHT, WIDTH = 0, 1


class Factor(NamedTuple):
    """``size`` positions down the height or along the width, or ``size`` channels (side None)."""

    size: int
    side: int | None = None


Axis = tuple[Factor, ...]
Axes = tuple[Axis, ...]


def axis(size: int, side: int | None = None) -> Axis:
    """A dimension that has not been merged from others."""
    return (Factor(size, side),) if size != 1 else ()


def channel_axes(shape: Iterable[int]) -> Axes:
    """The axes of a tensor without spatial dimensions."""
    return tuple(axis(size) for size in shape)


def map_axes(shape: Sequence[int]) -> Axes:
    """The axes of a tensor whose last two dimensions are height and width."""
    *channels, height, width = shape
    return (*channel_axes(channels), axis(height, HEIGHT), axis(width, WIDTH))


def is_map(axes: Axes) -> bool:
    """True if the last two dimensions are height and width, and no other one is spatial."""
    if len(axes) < 2 or any(spatial_factors(axes[:-2])):
        return False
    return all(
        not factors or [f.side for f in factors] == [side]
        for factors, side in zip(axes[-2:], (HEIGHT, WIDTH), strict=True)
    )


def spatial_factors(axes: Iterable[Axis]) -> list[Factor]:
    """The factors of all axes that are positions along height or width."""
    return [factor for factors in axes for factor in factors if factor.side is not None]


def regroup(axes: Axes, shape: Sequence[int]) -> Axes | None:
    """The axes after a view; None if it does not split along the factors.

    Height or width split into windows becomes several factors, and one again once merged.
    """
    factors = _joined(factor for old in axes for factor in old)
    regrouped = []
    for size in shape:
        new: list[Factor] = []
        while math.prod(factor.size for factor in new) < size:
            needed = size // math.prod(factor.size for factor in new)
            if not factors:
                return None
            first = factors.pop(0)
            if needed % first.size == 0:
                new.append(first)
            elif first.size % needed == 0:
                new.append(Factor(needed, first.side))
                factors.insert(0, Factor(first.size // needed, first.side))
            else:
                return None
        regrouped.append(tuple(new))
    return None if factors else tuple(regrouped)


def _joined(factors: Iterable[Factor]) -> list[Factor]:
    """Neighbouring factors of one side as one, so that it can be split anywhere."""
    joined: list[Factor] = []
    for factor in factors:
        if joined and joined[-1].side == factor.side:
            joined[-1] = Factor(joined[-1].size * factor.size, factor.side)
        else:
            joined.append(factor)
    return joined
