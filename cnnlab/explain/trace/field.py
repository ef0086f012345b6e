"""What one number of a tensor can see of the image, as a tensor's shape changes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from cnnlab.explain.trace.axes import Axes, channel_axes, sides

Shape = Sequence[int]


@dataclass(frozen=True)
class Span:
    """Height or width that neighbouring numbers of a tensor see together, in pixels.

    n neighbours see ``base + ((n - 1) * stride + offset) // scale * step`` pixels. Scale is 1
    until something is enlarged; then neighbours may see the same pixels, or the next ones. An
    infinite base stands for what could not be followed.
    """

    base: float = 1
    step: int = 1
    stride: int = 1
    offset: int = 0
    scale: int = 1

    def pixels(self, neighbours: int = 1) -> float:
        """What so many neighbours see."""
        return self.base + self._steps(neighbours) * self.step

    def _steps(self, neighbours: int) -> int:
        return ((neighbours - 1) * self.stride + self.offset) // self.scale

    def window(self, reach: int, stride: int | Fraction) -> "Span":
        """After a window that spans ``reach`` + 1 numbers and moves on by ``stride``."""
        stride = Fraction(stride)
        return replace(
            self,
            stride=self.stride * stride.numerator,
            offset=(self.offset + self.stride * reach) * stride.denominator,
            scale=self.scale * stride.denominator,
        )._simple()

    def enlarged(self, factor: int | Fraction, reach: int | Fraction) -> "Span":
        """After each number has been spread over ``reach`` + 1 of a grid ``factor`` times finer.

        Exact but for what is made smaller and enlarged twice, where it may be too large.
        """
        factor, reach = Fraction(factor), Fraction(reach)
        more = reach * factor.denominator
        return replace(
            self,
            stride=self.stride * factor.denominator,
            offset=self.offset * factor.numerator + math.floor(self.stride * more),
            scale=self.scale * factor.numerator,
        )._simple()

    def _simple(self) -> "Span":
        common = math.gcd(self.stride, self.scale)
        stride, scale = self.stride // common, self.scale // common
        offset = self.offset // common
        if scale > 1:
            return replace(self, stride=stride, offset=offset, scale=scale)
        return Span(self.base + offset * self.step, self.step * stride)

    def whole(self, neighbours: int) -> "Span":
        """Of a number that sees what so many neighbours saw."""
        return Span(self.pixels(neighbours), self.step)


Spans = tuple[Span, Span]  # down the height, along the width
LOST = (Span(math.inf), Span(math.inf))


def largest(spans: Sequence[Spans]) -> Spans:
    """Where paths of different lengths meet."""
    down, along = zip(*spans, strict=True)
    return max(down, key=_width), max(along, key=_width)


def _width(span: Span) -> tuple[float, float]:
    return span.pixels(), span.pixels(2)


@dataclass(frozen=True)
class Field:
    """A tensor's spans, and which of its dimensions are places, known even if the spans are not."""

    spans: Spans
    axes: Axes

    @property
    def has_places(self) -> bool:
        """False once every number sees the same."""
        return bool(sides(self.axes))

    @property
    def pixels(self) -> tuple[int, int] | None:
        """(height, width) that one number sees; None where that could not be followed."""
        height, width = (span.pixels() for span in self.spans)
        return None if math.isinf(max(height, width)) else (int(height), int(width))

    def over(self, axes: Axes) -> Spans:
        """What the numbers along these axes see together."""
        spans = list(self.spans)
        for factor in sides(axes):
            assert factor.side is not None
            spans[factor.side] = spans[factor.side].whole(factor.size)
        return spans[0], spans[1]

    def collapsed(self, shape: Shape) -> "Field":
        """A tensor of that shape, every number of which may see what this one sees as a whole."""
        return Field(self.over(self.axes), channel_axes(shape))
