"""The test metric against a cost, with the Pareto front; a chart and its lists for each cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlab.compare.comparison import Comparison, Configuration
from cnnlab.compare.costs import COSTS, TIMES, non_dominated, on_main_device
from cnnlab.compare.figures.points import cost_axis
from cnnlab.compare.page.chart import (
    GREY,
    INK,
    MUTED,
    Spec,
    axis,
    chart,
    mean_and_sd,
    number,
    styles,
    test_axis,
)
from cnnlab.metrics import METRICS, Metric

HEIGHT = 380
MOST_NAMED = 14  # points with their names; of more, those on the front
KINDS = {"runs": "circle", "ensemble": "diamond", "made elsewhere": "cross"}
COUNTED = ("parameters", "MACs", "throughput")  # shown as 1.2M


@dataclass(frozen=True)
class CostChart:
    """One cost.

    Attributes:
        name: of the cost, such as ``training time``.
        front, dominated: the labels of the rows that are drawn.
        unknown: those without a value.
        elsewhere: those whose times are of another device.
        device: what times were measured on; empty for other costs.
        kinds: those of the rows that are drawn, with their marks.
    """

    name: str
    spec: Spec
    front: list[str]
    dominated: list[str]
    unknown: list[str]
    elsewhere: list[str]
    device: str
    kinds: list[str]


def cost_charts(comparison: Comparison) -> list[CostChart]:
    """One for each cost that two rows or more have; the only row of a comparison too."""
    found = [_cost_chart(comparison, name) for name in COSTS]
    least = min(2, len(comparison.rows))
    return [c for c in found if c is not None and len(c.front) + len(c.dominated) >= least]


def _tells(costs: NDArray[np.float64]) -> bool:
    """Whether rows differ in a cost, or there is one row alone."""
    return len(costs) == 1 or len(np.unique(costs)) > 1


def kind_of(row: Configuration) -> str:
    """Which mark a row has."""
    return "made elsewhere" if row.source else "ensemble" if row.members else "runs"


def _cost_chart(comparison: Comparison, name: str) -> CostChart | None:
    cost, metric, table = METRICS[name], comparison.metric, comparison.table
    if cost.column not in table:
        return None
    costs = table[cost.column].to_numpy(dtype=float)
    scores = table[f"test_{metric.column}"].to_numpy(dtype=float)
    known = np.isfinite(costs) & np.isfinite(scores)
    same_device = np.ones(len(table), dtype=bool)
    if name in TIMES:
        same_device = on_main_device(table).to_numpy(dtype=bool)
    drawn = np.flatnonzero(known & same_device).tolist()
    if not _tells(costs[drawn]):
        return None
    front = non_dominated(costs[drawn].tolist(), scores[drawn].tolist(), cost, metric).tolist()
    labels = comparison.labels
    points = [
        _point(comparison, i, float(costs[i]), cost, is_front)
        for i, is_front in zip(drawn, front, strict=True)
    ]
    devices = [str(table["device"].iloc[i]) for i in drawn] if name in TIMES else []
    return CostChart(
        name=name,
        spec=_spec(comparison, cost, points),
        front=[labels[i] for i, is_front in zip(drawn, front, strict=True) if is_front],
        dominated=[labels[i] for i, is_front in zip(drawn, front, strict=True) if not is_front],
        unknown=[labels[i] for i in np.flatnonzero(~known)],
        elsewhere=[labels[i] for i in np.flatnonzero(known & ~same_device)],
        device=devices[0] if devices else "",
        kinds=[kind for kind in KINDS if any(point["kind"] == kind for point in points)],
    )


def _point(
    comparison: Comparison, index: int, cost: float, of: Metric, is_front: bool
) -> dict[str, Any]:
    metric, row = comparison.metric, comparison.table.iloc[index]
    mean, sd = (float(row[f"test_{metric.column}{part}"]) for part in ("", "_sd"))
    spread = sd if math.isfinite(sd) else 0.0
    low, high = mean - spread, mean + spread
    if metric.log_axis and low <= 0:
        low = mean
    low, high = max(low, metric.bounds[0]), min(high, metric.bounds[1])
    return {
        "x": number(of.scale * cost),
        "y": number(metric.scale * mean),
        "l": number(metric.scale * low),
        "h": number(metric.scale * high),
        "name": comparison.labels[index],
        "kind": kind_of(comparison.rows[index]),
        "s": f"s{index}" if is_front else "-",
        "cost": of.show(cost),
        "score": mean_and_sd(metric, mean, sd),
        "n": int(row["n"]),
        "front": "on the front" if is_front else "dominated",
    }


def _spec(comparison: Comparison, cost: Metric, points: Sequence[dict[str, Any]]) -> Spec:
    metric = comparison.metric
    is_log = cost.log_axis and all(point["x"] > 0 for point in points)
    tick_format = "~s" if cost.name in COUNTED else "~g"
    values = [point["x"] for point in points]
    x = axis(
        "x", cost_axis(comparison, cost, is_log=is_log), values, log=is_log, format=tick_format
    )
    y = test_axis(comparison, "y", points)
    shown = styles(comparison.labels)
    on_front = "datum.front === 'on the front'"
    color: Spec = {
        "field": "s",
        "scale": {
            "domain": ["-", *(style.id for style in shown)],
            "range": [GREY, *(style.color for style in shown)],
        },
        "legend": None,
    }
    if any(p["s"] not in {"-", *(style.id for style in shown)} for p in points):
        color = {"condition": {"test": on_front, "value": INK}, "value": GREY}
    shape = {
        "field": "kind",
        "scale": {"domain": list(KINDS), "range": list(KINDS.values())},
        "legend": None,
    }
    tooltip = [
        {"field": field, "title": title, "type": "nominal"}
        for field, title in (
            *(("name", "configuration"), ("score", metric.axis("test")), ("n", "n")),
            *(("cost", cost.label), ("kind", "kind"), ("front", "Pareto front")),
        )
    ]
    step = "step-before" if cost.higher_is_better else "step-after"
    layers: list[Spec] = [
        {
            "name": "front",
            "transform": [{"filter": on_front}],
            "mark": {"type": "line", "interpolate": step, "color": MUTED, "strokeWidth": 1.2,
                     "strokeDash": [4, 3]},
            "encoding": {"x": x, "y": y},
        },
        {
            "name": "bars",
            "mark": {"type": "rule", "strokeWidth": 1.6},
            "encoding": {"x": x, "y": y | {"field": "l"}, "y2": {"field": "h"}, "color": color},
        },
        {
            "name": "points",
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": color, "shape": shape, "tooltip": tooltip},
        },
        {
            "name": "names",  # report.js has Vega place them where they overlap nothing
            "transform": [{"filter": on_front if len(points) > MOST_NAMED else "true"}],
            "mark": {"type": "text", "fontSize": 12.5},
            "encoding": {
                "x": x,
                "y": y,
                "text": {"field": "name"},
                "color": {"condition": {"test": on_front, "value": INK}, "value": MUTED},
            },
        },
    ]  # fmt: skip
    return chart(HEIGHT, layers, data={"values": list(points)})
