"""A swept number: the test metric against it, a line for each of the rest; of two a heat map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlab.compare.comparison import Axis, Comparison, Configuration
from cnnlab.compare.figures.sweep import group_rows
from cnnlab.compare.page.chart import (
    INK,
    MOST_TICKS,
    Spec,
    Style,
    axis,
    chart,
    color_scale,
    dash_scale,
    mean_and_sd,
    number,
    styles,
    test_axis,
)
from cnnlab.text import as_typed

LINE_HEIGHT, CELL_HEIGHT = 320, 34
MOST_MAPS = 6
MOST_LETTERS = 40  # of the names below the cells of a heat map, on one line
NARROWEST = 32  # pixels of a cell with a number in it
OPACITY = (0.06, 0.6)  # of the cells of a heat map: its numbers stay legible, in the dark too


@dataclass(frozen=True)
class SweepChart:
    """Attributes:
    lines: how the lines of a line chart are drawn; empty for heat maps.
    """

    title: str
    spec: Spec
    lines: list[Style]


def sweep_charts(comparison: Comparison) -> list[SweepChart]:
    """One line chart for one swept number; for two or more, heat maps of the two longest."""
    numeric = [axis for axis in comparison.axes if axis.is_number and len(axis.values) > 1]
    numeric = [each for each in numeric if each.key.split(".")[0] != "seed"]
    trained = [row for row in comparison.rows if row.runs and not row.members]
    rows = [row for row in trained if all(each.key in row.shown for each in numeric)]
    if not numeric or len(rows) < 2:
        return []
    chosen = sorted(numeric, key=lambda each: -len(each.values))[:2]
    groups = group_rows(rows, comparison, chosen)
    if len(chosen) == 1:
        return [_lines(comparison, chosen[0], groups)]
    return [
        _heat_map(comparison, chosen, name, found)
        for name, found in list(groups.items())[:MOST_MAPS]
        if len(found) > 1
    ]


def _value(comparison: Comparison, of: Configuration) -> dict[str, Any]:
    metric = comparison.metric
    row = comparison.table.iloc[comparison.labels.index(of.label)]
    mean, sd = (float(row[f"test_{metric.column}{part}"]) for part in ("", "_sd"))
    spread = 0.0 if np.isnan(sd) else sd
    low, high = np.clip([mean - spread, mean + spread], *metric.bounds)
    return {
        "m": number(metric.scale * mean),
        "l": number(metric.scale * (mean if metric.log_axis and low <= 0 else low)),
        "h": number(metric.scale * high),
        "t": mean_and_sd(metric, mean, sd),
        "v": number(metric.scale * float(row[f"val_{metric.column}"])),
        "n": int(row["n"]),
    }


def _lines(
    comparison: Comparison, swept: Axis, groups: dict[str, list[Configuration]]
) -> SweepChart:
    metric = comparison.metric
    shown = styles(groups)
    points = [
        {"s": style.id, "x": row.shown[swept.key], "name": style.label} | _value(comparison, row)
        for style in shown
        for row in groups[style.label]
    ]
    notes = f"{swept.key} (log scale)" if swept.is_log else swept.key
    own_ticks = {"values": list(swept.values)} if len(swept.values) <= MOST_TICKS else {}
    x = axis("x", notes, swept.values, log=swept.is_log, format="~g", **own_ticks)
    y = test_axis(comparison, "m", points)
    tooltip = [
        {"field": "x", "title": swept.key, "type": "quantitative"},
        {"field": "t", "title": metric.axis("test"), "type": "nominal"},
        {"field": "v", "title": metric.axis("val"), "type": "quantitative"},
        {"field": "n", "title": "n", "type": "quantitative"},
    ]
    if len(shown) > 1:
        tooltip.insert(0, {"field": "name", "title": "configuration", "type": "nominal"})
    color, dash = color_scale(shown), dash_scale(shown)
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "opacity": 0.16},
            "encoding": {"x": x, "y": y | {"field": "l"}, "y2": {"field": "h"}, "color": color},
        },
        {
            "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.6},
            "encoding": {"x": x, "y": y | {"field": "v"}, "color": color, "strokeDash": dash},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "color": color, "strokeDash": dash},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": color, "tooltip": tooltip},
        },
    ]
    title = f"{metric.title('test')} against {swept.key}"
    return SweepChart(
        title, chart(LINE_HEIGHT, layers, data={"values": points}), shown if len(shown) > 1 else []
    )


def _heat_map(
    comparison: Comparison,
    swept: Sequence[Axis],
    name: str,
    rows: Sequence[Configuration],
) -> SweepChart:
    metric = comparison.metric
    across, down = swept
    cells = [
        {"x": as_typed(row.shown[across.key], 6), "y": as_typed(row.shown[down.key], 6)}
        | _value(comparison, row)
        for row in rows
    ]
    for cell in cells:
        cell["c"] = metric.cell(float(cell["m"]) / metric.scale)
    orders = [[as_typed(value, 6) for value in each.values] for each in (across, down)]
    spec = heat_map(
        cells,
        x=("x", across.key, orders[0]),
        y=("y", down.key, orders[1][::-1]),
        titles={"t": metric.axis("test"), "n": "n"},
    )
    where = f": {name}" if name else ""
    title = f"{metric.title('test')} by {across.key} and {down.key}{where}"
    return SweepChart(title, spec, [])


def heat_map(
    cells: Sequence[dict[str, Any]],
    *,
    x: tuple[str, str, list[str]],
    y: tuple[str, str, list[str]],
    titles: dict[str, str],
    color: str = "var(--s0)",
    with_numbers: bool = True,
) -> Spec:
    """Cells with a colour by field ``m`` and the text of field ``c``.

    Args:
        x, y: field, title and values in their order.
        titles: of the tooltip's other fields.
    """
    channels = {
        channel: {
            "field": field,
            "type": "ordinal",
            "sort": order,
            "scale": {"domain": order},
            "axis": {"title": title, "grid": False, "labelOverlap": True,
                     "ticks": False, "domain": False, "labelLimit": 120} | _slant(channel, order),
        }
        for channel, (field, title, order) in {"x": x, "y": y}.items()
    }  # fmt: skip
    named: dict[str, str] = {field: title for field, title, _ in (x, y)} | titles
    tooltip = [{"field": field, "title": title, "type": "nominal"} for field, title in
               named.items()]  # fmt: skip
    opacity = {
        "field": "m",
        "type": "quantitative",
        "scale": {"range": list(OPACITY), "zero": False},
        "legend": None,
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "color": color, "stroke": "var(--paper)", "strokeWidth": 1.5},
            "encoding": {**channels, "fillOpacity": opacity, "tooltip": tooltip},
        }
    ]
    too_narrow = f"width < {NARROWEST * len(x[2])}"
    if with_numbers:
        layers.append(
            {
                "mark": {"type": "text", "color": INK, "fontSize": 11.5},
                "encoding": {
                    **channels,
                    "text": {"field": "c", "type": "nominal"},
                    "opacity": {"condition": {"test": too_narrow, "value": 0}, "value": 1},
                },
            }
        )
    return chart(CELL_HEIGHT * max(2, len(y[2])), layers, data={"values": list(cells)})


def _slant(channel: str, names: Sequence[str]) -> Spec:
    """Names below the cells are slanted where they would not fit beside each other."""
    if channel == "y" or len(names) * max(map(len, names), default=0) <= MOST_LETTERS:
        return {"labelAngle": 0}
    return {"labelAngle": -40, "labelAlign": "right", "labelBaseline": "top", "labelOverlap": False}
