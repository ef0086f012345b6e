"""The receptive field of a tensor's numbers: how many pixels one of them, or several, depend on."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from cnnlab.explain.trace.axes import Axes, spatial_factors
from cnnlab.explain.trace.torch_bridge import Arguments

Shape = Sequence[int]


@dataclass(frozen=True)
class Span:
    """Height or width of the receptive field of neighbouring numbers together, in pixels.

    That of n neighbours is ``base + ((n - 1) * stride + offset) // scale * step`` pixels. Scale is
    1 until a map is enlarged; then neighbours may depend on the same pixels, or on the next ones.
    The base is infinite if the field is not known.

    That of number i begins at pixel ``first + i * spacing``: below 0 in a border, not a number
    where maps have been enlarged.
    """

    base: float = 1
    step: int = 1
    stride: int = 1
    offset: int = 0
    scale: int = 1
    first: float = field(default=0, compare=False)
    spacing: float = field(default=1, compare=False)

    def begin(self, index: int) -> float:
        """The pixel at which the receptive field of number ``index`` begins."""
        return self.first + index * self.spacing

    def moved(self, before: float) -> "Span":
        """With ``before`` more numbers in front of the first one."""
        return replace(self, first=self.first - before * self.spacing) if before else self

    def pixels(self, neighbours: int = 1) -> float:
        """The receptive field of ``neighbours`` numbers in a row."""
        return self.base + self._steps(neighbours) * self.step

    def _steps(self, neighbours: int) -> int:
        return ((neighbours - 1) * self.stride + self.offset) // self.scale

    def window(self, kernel: int, stride: int | Fraction) -> "Span":
        """After a window of an effective ``kernel`` that moves by ``stride``."""
        stride = Fraction(stride)
        spacing = self.spacing * float(stride) if stride >= 1 else math.nan
        return replace(
            self,
            stride=self.stride * stride.numerator,
            offset=(self.offset + self.stride * (kernel - 1)) * stride.denominator,
            scale=self.scale * stride.denominator,
            spacing=spacing,
        )._simple()

    def enlarged(self, factor: int | Fraction, spread: int | Fraction) -> "Span":
        """After each number contributes to ``spread`` numbers of a grid ``factor`` times finer.

        Exact, except that it may be too large for maps that are reduced and enlarged twice.
        """
        factor = Fraction(factor)
        more = (Fraction(spread) - 1) * factor.denominator
        return replace(
            self,
            stride=self.stride * factor.denominator,
            offset=self.offset * factor.numerator + math.floor(self.stride * more),
            scale=self.scale * factor.numerator,
            first=math.nan,
        )._simple()

    def _simple(self) -> "Span":
        common = math.gcd(self.stride, self.scale)
        stride, scale = self.stride // common, self.scale // common
        offset = self.offset // common
        if scale > 1:
            return replace(self, stride=stride, offset=offset, scale=scale)
        base = self.base + offset * self.step
        return replace(self, base=base, step=self.step * stride, stride=1, offset=0, scale=1)

    def merged(self, neighbours: int) -> "Span":
        """Of a number that depends on ``neighbours`` of these in a row."""
        return Span(self.pixels(neighbours), self.step, first=self.first, spacing=0)


Spans = tuple[Span, Span]  # down the height, along the width
UNKNOWN = (Span(math.inf), Span(math.inf))


def largest(spans: Sequence[Spans]) -> Spans:
    """The largest of several, for a sum of paths of different lengths."""
    down, along = zip(*spans, strict=True)
    return max(down, key=_width), max(along, key=_width)


def _width(span: Span) -> tuple[float, float]:
    return span.pixels(), span.pixels(2)


@dataclass(frozen=True)
class Field:
    """A tensor's spans, and its spatial dimensions, which are known even if the spans are not."""

    spans: Spans
    axes: Axes

    @property
    def is_spatial(self) -> bool:
        """False if all numbers depend on the same pixels."""
        return bool(spatial_factors(self.axes))

    @property
    def pixels(self) -> tuple[int, int] | None:
        """(height, width) of the receptive field of one number; None if it is not known."""
        height, width = (span.pixels() for span in self.spans)
        return None if math.isinf(max(height, width)) else (int(height), int(width))

    def box(self, row: int, column: int) -> tuple[int, int, int, int] | None:
        """(top, left, bottom, right) of the field of one number, in pixels of the image.

        Bottom and right are beyond it; what is outside the image is not cut off. None where the
        position is not known, as behind enlarged maps.
        """
        if self.pixels is None:
            return None
        begins = [span.begin(i) for span, i in zip(self.spans, (row, column), strict=True)]
        if not all(map(math.isfinite, begins)):
            return None
        (top, left), (height, width) = map(math.floor, begins), self.pixels
        return top, left, top + height, left + width

    def over(self, axes: Axes) -> Spans:
        """The spans of all numbers along these axes together."""
        spans = list(self.spans)
        for factor in spatial_factors(axes):
            assert factor.side is not None
            spans[factor.side] = spans[factor.side].merged(factor.size)
        return spans[0], spans[1]


Fields = Mapping[int, Field]  # the fields of an operation's inputs by the tensor's id
Rule = Callable[[Arguments, Fields, Shape], Field | None]
