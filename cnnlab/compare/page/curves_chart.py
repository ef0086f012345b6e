"""Learning curves: mean over seeds and a band, for each epoch that every run of a row reached."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.figures.band import band
from cnnlab.compare.page.chart import (
    GREY,
    MOST_TICKS,
    MUTED,
    Spec,
    Style,
    axis,
    chart,
    color_scale,
    dash_scale,
    number,
    styles,
)
from cnnlab.metrics import METRICS, Metric

HEIGHT = 300


def curves_charts(comparison: Comparison) -> list[tuple[str, Spec]]:
    """Title and chart of the primary metric and of the loss on validation, where they are known."""
    charts = []
    for metric in dict.fromkeys((comparison.metric, METRICS[comparison.metric.loss])):
        if f"val_{metric.column}" in comparison.curves and len(comparison.curves):
            bands = curve_bands(comparison.curves, metric)
            if not bands.empty:
                charts.append((metric.title("val"), _chart(comparison, metric, bands)))
    return charts


def curve_bands(curves: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Columns label, epoch, mean, low and high, as shown; for epochs that every run reached.

    On a log axis the mean is the geometric one, and the band a factor: it is never below 0.
    """
    frames = []
    for label, rows in curves.groupby("label", sort=False):
        values = rows.pivot(index="epoch", columns="run", values=f"val_{metric.column}").dropna()
        ends = zip(("mean", "low", "high"), band(values, metric, log=metric.log_axis), strict=True)
        frames.append(pd.DataFrame({"label": label, "epoch": values.index} | dict(ends)))
    return pd.concat(frames, ignore_index=True).dropna(subset="mean")


def _chart(comparison: Comparison, metric: Metric, bands: pd.DataFrame) -> Spec:
    trained = [row.label for row in comparison.rows if row.runs and not row.members]
    shown = styles(trained)
    first, last = int(bands["epoch"].min()), int(bands["epoch"].max())
    few: Spec = {"values": list(range(first, last + 1))} if last - first < MOST_TICKS else {}
    x: Spec = axis("e", "Epoch", format="d", grid=False, **few)
    x["scale"]["domain"] = [first, last] if first < last else [first - 1, first + 1]
    ends = bands[["mean", "low", "high"]].to_numpy().ravel()
    y_axis = axis("m", metric.axis("val", log=metric.log_axis), ends, log=metric.log_axis)
    others = _grey_points(bands, trained[len(shown) :])
    points = _points(bands, {style.label: style.id for style in shown})
    is_line = bands["epoch"].nunique() > 1
    mark: Spec = {"type": "line", "strokeWidth": 2} if is_line else {"type": "point", "size": 70}
    dash = {"strokeDash": dash_scale(shown)} if is_line else {}
    detail = {"field": "k", "type": "nominal"}
    layers: list[Spec] = []
    if others:
        layers.append(
            {
                "data": {"values": others},
                "mark": {"type": "line", "color": GREY, "strokeWidth": 1, "opacity": 0.5},
                "encoding": {"x": x, "y": y_axis, "detail": detail},
            }
        )
    mark_of_band = (
        {"type": "area", "opacity": 0.16} if is_line else {"type": "rule", "strokeWidth": 2}
    )
    if any(point["l"] is not None for point in points):
        y_ends = {"y": y_axis | {"field": "l"}, "y2": {"field": "h"}}
        layers.append(
            {"mark": mark_of_band, "encoding": {"x": x, "color": color_scale(shown)} | y_ends}
        )
    layers += [
        {
            "mark": mark,
            "encoding": {"x": x, "y": y_axis, "color": color_scale(shown), **dash},
        },
        _hover(bands, metric, shown, x),
    ]
    return chart(HEIGHT, layers, data={"values": points})


def _points(bands: pd.DataFrame, ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """The bands of highlighted rows."""
    return [
        {
            "s": ids[row["label"]],
            "e": int(row["epoch"]),
            "m": number(row["mean"]),
            "l": number(row["low"]),
            "h": number(row["high"]),
        }
        for row in _records(bands, ids)
    ]


def _grey_points(bands: pd.DataFrame, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The means of the other rows, with a field ``k`` that keeps their lines apart."""
    keys = {label: i for i, label in enumerate(labels)}
    return [
        {"k": keys[row["label"]], "e": int(row["epoch"]), "m": number(row["mean"])}
        for row in _records(bands, keys)
    ]


def _records(bands: pd.DataFrame, labels: Iterable[str]) -> list[dict[Any, Any]]:
    return bands[bands["label"].isin(list(labels))].to_dict("records")


def _hover(bands: pd.DataFrame, metric: Metric, shown: list[Style], x: Spec) -> Spec:
    """A strip for each epoch; below the pointer it has a rule and the values of all rows."""
    ids = {style.label: style.id for style in shown}
    texts: dict[int, dict[str, Any]] = {}
    for row in _records(bands, ids):
        mean, low, high = (metric.cell(row[end] / metric.scale) for end in ("mean", "low", "high"))
        epoch = int(row["epoch"])
        found = texts.setdefault(epoch, {"e": epoch} | dict.fromkeys(ids.values(), ""))
        found[ids[row["label"]]] = f"{mean} [{low}, {high}]" if math.isfinite(row["low"]) else mean
    tooltip = [{"field": "e", "title": "epoch", "type": "quantitative"}]
    tooltip += [{"field": s.id, "title": s.label, "type": "nominal"} for s in shown]
    select = {"type": "point", "fields": ["e"], "on": "pointerover", "clear": "pointerout"}
    return {
        "data": {"values": [texts[epoch] for epoch in sorted(texts)]},
        "transform": [
            {"calculate": "datum.e - 0.5", "as": "a"},
            {"calculate": "datum.e + 0.5", "as": "b"},
        ],
        "layer": [
            {
                "mark": {"type": "rect", "opacity": 0, "clip": True},
                "params": [{"name": "near", "select": select}],
                "encoding": {"x": x | {"field": "a"}, "x2": {"field": "b"}, "tooltip": tooltip},
            },
            {
                "mark": {"type": "rule", "color": MUTED, "strokeWidth": 1, "tooltip": None},
                "encoding": {
                    "x": x,
                    "opacity": {
                        "condition": {"param": "near", "empty": False, "value": 0.6},
                        "value": 0,
                    },
                },
            },
        ],
    }
