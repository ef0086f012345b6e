"""What all charts of the page share: one style for each row, Vega-Lite's theme, its helpers.

Colours are CSS variables of the page, so that a chart changes with it from light to dark. Fields
have names of our own: labels are values and titles, never parts of an expression.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.figures.style import COLORS, MOST_NAMED, looks
from cnnlab.metrics import Metric

Spec = dict[str, Any]

DASHES = {"-": (1, 0), "--": (7, 3), "-.": (9, 3, 2, 3), ":": (2, 2)}
# What is too dark on a dark page, and what would then look the same.
DARK = {"#0072B2": "#1f87d0", "#56B4E9": "#8fd2f7", "#000000": "#ffffff"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MOST_TICKS = 8
DIGITS = 5  # significant ones of a number in a chart
INK, MUTED, GRID, GREY = "var(--ink)", "var(--muted)", "var(--grid)", "var(--grey)"

_AXIS: Spec = {
    "labelColor": MUTED,
    "titleColor": MUTED,
    "gridColor": GRID,
    "domainColor": GREY,
    "tickColor": GREY,
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": 500,
    "titlePadding": 10,
    "labelPadding": 5,
}
THEME: Spec = {
    "background": None,
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": _AXIS,
    "header": {"labelColor": INK, "titleColor": MUTED},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": MUTED},
}


@dataclass(frozen=True)
class Style:
    """How one row is drawn in every chart.

    Attributes:
        id: its name as a field, such as ``s0``.
        color: a CSS variable.
        dash: lengths of line and gap in pixels.
    """

    id: str
    label: str
    color: str
    dash: tuple[int, ...]


def styles(labels: Iterable[str]) -> list[Style]:
    """One for each of the first rows; the others are grey. As in the figures."""
    return [
        Style(f"s{i}", name, f"var(--s{COLORS.index(look.color)})", DASHES[look.line])
        for i, (name, look) in enumerate(zip(labels, looks(MOST_NAMED), strict=False))
    ]


def css_colors() -> str:
    """The variables ``--s0`` and so on, each for a light and a dark page."""
    pairs = ((color, DARK.get(color, color)) for color in COLORS)
    return " ".join(f"--s{i}: light-dark({a}, {b});" for i, (a, b) in enumerate(pairs))


def color_scale(shown: Sequence[Style]) -> Spec:
    """The colours by field ``s``, without a legend: the page has one for all charts."""
    domain, colors = [style.id for style in shown], [style.color for style in shown]
    return {"field": "s", "scale": {"domain": domain, "range": colors}, "legend": None}


def dash_scale(shown: Sequence[Style]) -> Spec:
    """The same for dashes."""
    domain, dashes = [style.id for style in shown], [list(style.dash) for style in shown]
    return {"field": "s", "scale": {"domain": domain, "range": dashes}, "legend": None}


def number(value: float) -> float | None:
    """A number for JSON, rounded; None for what is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def axis(
    field: str, title: str, drawn: Iterable[float | None] = (), *, log: bool = False, **others: Any
) -> Spec:
    """The encoding of a number on an axis that need not begin at 0.

    Args:
        drawn: all numbers on it, for the ends and ticks of a log axis.
        others: options of the axis.
    """
    scale: Spec = {"zero": False}
    shown: Spec = {"title": title, "labelOverlap": "greedy"}
    positive = [value for value in drawn if value is not None and value > 0]
    if log and positive:
        low, high = min(positive), max(positive)
        margin = max((high / low) ** 0.06, 1.1)
        domain = [low / margin, high * margin]
        scale = {"type": "log", "domain": domain, "nice": False}
        shown["values"] = ticks(*domain)
    shown |= others
    if "values" not in shown:  # of which Vega would leave some out
        shown["tickCount"] = 6
    return {"field": field, "type": "quantitative", "scale": scale, "axis": shown}


def ticks(low: float, high: float) -> list[float]:
    """Round numbers for a log axis, fewer in each decade where there are many decades."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**decade for decade in decades for step in steps]
        found = [float(f"{value:.3g}") for value in found if low <= value <= high]
        if len(found) <= MOST_TICKS:
            break
    return found


def test_axis(comparison: Comparison, field: str, points: Sequence[Spec]) -> Spec:
    """The primary metric on the test set, as in the fields l to h of points."""
    metric = comparison.metric
    values = [point[end] for point in points for end in "lh"]
    return axis(field, metric.axis("test", log=metric.log_axis), values, log=metric.log_axis)


def chart(height: int, layers: Sequence[Spec], **others: Any) -> Spec:
    """A chart as wide as its place on the page."""
    return {"width": "container", "height": height, "layer": list(layers), **others}


def mean_and_sd(metric: Metric, mean: float, sd: float) -> str:
    """``97.31 ± 0.42``; without a spread ``97.31``."""
    return f"{metric.cell(mean)} ± {metric.cell(sd)}" if math.isfinite(sd) else metric.cell(mean)
