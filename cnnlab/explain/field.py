"""What one number of a tensor can see of the image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from cnnlab.explain.axes import Axes, channel_axes, sides

Pair = tuple[Fraction, Fraction]  # height, width; fractions because upsampling halves a step
Shape = Sequence[int]


@dataclass(frozen=True)
class Field:
    """``size`` in pixels, and ``step``, the pixels between neighbouring fields."""

    size: Pair
    step: Pair
    axes: Axes

    @property
    def pixels(self) -> tuple[int, int]:
        """(height, width), rounded up."""
        return math.ceil(self.size[0]), math.ceil(self.size[1])

    def over(self, axes: Axes) -> Pair:
        """The size of all fields along these axes together."""
        size = list(self.size)
        for factor in sides(axes):
            assert factor.side is not None
            size[factor.side] += (factor.size - 1) * self.step[factor.side]
        return size[0], size[1]

    def collapsed(self, shape: Shape) -> "Field":
        """A tensor of that shape, every number of which may see what this one sees as a whole."""
        return Field(self.over(self.axes), self.step, channel_axes(shape))
