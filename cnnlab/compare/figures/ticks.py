"""Ticks with plain numbers that do not touch: on log axes, and at the values of a sweep."""

import math
from collections.abc import Sequence

from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    Locator,
    MaxNLocator,
    NullLocator,
)

STEPS = (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))  # in each decade, the most first
FONT_SIZE = 10  # points
CHARACTER = 0.65  # width in font sizes
LINE = 1.3  # height in font sizes


class LogTicks(Locator):
    """As many round numbers as have space for their labels."""

    def __call__(self) -> list[float]:
        assert isinstance(self.axis, Axis)
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        assert isinstance(self.axis, Axis)
        for steps in STEPS:
            found = _in_decades(vmin, vmax, steps)
            if has_space(self.axis, found, [_number(value) for value in found]):
                break
        else:  # only some of the decades
            found = found[:: max(2, len(found) // 4)]
        if len(found) > 1:
            return found
        linear = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(vmin, vmax)
        return [float(value) for value in linear if vmin <= value <= vmax]


def log_ticks(axis: Axis) -> None:
    """Plain numbers on an axis with a log scale."""
    axis.set_major_locator(LogTicks())
    axis.set_minor_locator(NullLocator())
    plain_numbers(axis)


def plain_numbers(axis: Axis) -> None:
    """Numbers such as 1.25k, without an offset or a power of ten beside the axis."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))


def ticks_at(axis: Axis, values: Sequence[float], labels: Sequence[str]) -> bool:
    """Ticks at these values alone, where their labels have space; whether they have."""
    if not has_space(axis, values, labels):
        return False
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_minor_locator(NullLocator())
    return True


def has_space(axis: Axis, values: Sequence[float], labels: Sequence[str]) -> bool:
    """Whether labels at ascending values would not touch."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    axes, dpi = axis.axes, figure.dpi
    is_x = isinstance(axis, XAxis)
    ends = axis.get_view_interval()
    at = axis.get_transform().transform([*values, *ends])
    length = (axes.bbox.width if is_x else axes.bbox.height) / dpi * 72  # points
    scale = length / max(abs(at[-1] - at[-2]), 1e-300)
    sizes = [FONT_SIZE * (CHARACTER * (len(label) + 1) if is_x else LINE) for label in labels]
    return all(
        scale * abs(at[i + 1] - at[i]) >= (sizes[i] + sizes[i + 1]) / 2
        for i in range(len(values) - 1)
    )


def _in_decades(low: float, high: float, steps: Sequence[int]) -> list[float]:
    if not 0 < low < high < math.inf:
        return []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [step * 10.0**decade for decade in decades for step in steps]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _number(value: float) -> str:
    """``0.003``, ``5e-5``, ``1.25k``, ``64M``: all digits, as ticks are round numbers."""
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * (1 - 1e-9):
            return f"{value / factor:g}{unit}"
    return f"{value:g}".replace("e-0", "e-")
