"""What all charts of the page share: one style for each row, Vega-Lite's theme, its helpers.

Colours are CSS variables of the page, so that a chart changes with it from light to dark. Fields
have names of our own: labels are values and titles, never parts of an expression.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.figures import COLORS
from cnnlab.metrics import Metric

Spec = dict[str, Any]

HIGHLIGHTED = 12  # rows with a colour of their own; the others are grey
DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
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
    """One for each of the first rows, which are highlighted; colour and dash differ together."""
    return [
        Style(f"s{i}", name, f"var(--s{i % len(COLORS)})", DASHES[i % len(DASHES)])
        for i, name in zip(range(HIGHLIGHTED), labels, strict=False)
    ]


def css_colors() -> str:
    """The variables ``--s0`` and so on; black is the ink of the page, which the dark one inverts."""
    colors = ("var(--ink)" if color == "#000000" else color for color in COLORS)
    return " ".join(f"--s{i}: {color};" for i, color in enumerate(colors))


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


def axis(field: str, title: str, *, log: bool = False, **others: Any) -> Spec:
    """The encoding of a number on an axis that need not begin at 0."""
    scale: Spec = {"type": "log"} if log else {"zero": False}
    shown = {"title": title, "labelOverlap": True, "tickCount": 6} | others
    return {"field": field, "type": "quantitative", "scale": scale, "axis": shown}


def test_axis(comparison: Comparison, field: str) -> Spec:
    """The primary metric on the test set."""
    metric = comparison.metric
    return axis(field, metric.axis("test", log=metric.log_axis), log=metric.log_axis)


def chart(height: int, layers: Sequence[Spec], **others: Any) -> Spec:
    """A chart as wide as its place on the page."""
    return {"width": "container", "height": height, "layer": list(layers), **others}


def mean_and_sd(metric: Metric, mean: float, sd: float) -> str:
    """``97.31 ± 0.42``; without a spread ``97.31``."""
    return f"{metric.cell(mean)} ± {metric.cell(sd)}" if math.isfinite(sd) else metric.cell(mean)
