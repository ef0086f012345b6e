"""Learning curves: mean over seeds and a band, for each epoch that every run of a row reached."""

from typing import Any

import numpy as np
import pandas as pd

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.page.chart import (
    GREY,
    MUTED,
    Spec,
    Style,
    axis,
    chart,
    color_scale,
    dash_scale,
    mean_and_sd,
    number,
    styles,
)
from cnnlab.metrics import METRICS, Metric

HEIGHT = 300


def curves_charts(comparison: Comparison) -> list[tuple[str, Spec]]:
    """Title and chart of the primary metric and of the loss on validation, where they are known."""
    charts = []
    for metric in dict.fromkeys((comparison.metric, METRICS[comparison.metric.loss])):
        if f"val_{metric.column}" in comparison.curves:
            bands = curve_bands(comparison.curves, metric)
            if not bands.empty:
                charts.append((metric.title("val"), _chart(comparison, metric, bands)))
    return charts


def curve_bands(curves: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Columns label, epoch, mean, sd, low and high, as in the files; one row per row and epoch.

    On a log axis the mean is the geometric one and the band a factor, so that it is never below 0;
    sd is then NaN.
    """
    values = curves[f"val_{metric.column}"].astype(float)
    if metric.log_axis:
        values = np.log(values.where(values > 0))
    frame = curves[["label", "epoch"]].assign(value=values)
    grouped = frame.groupby(["label", "epoch"], sort=True)["value"]
    found = grouped.agg(["mean", "std", "count"]).reset_index()
    runs = curves.groupby("label")["run"].nunique()
    found = found[found["count"] == found["label"].map(runs)]
    mean, sd = found["mean"], found["std"]
    low, high = mean - sd.fillna(0), mean + sd.fillna(0)
    if metric.log_axis:
        mean, low, high, sd = np.exp(mean), np.exp(low), np.exp(high), sd * np.nan
    else:
        low, high = low.clip(lower=metric.bounds[0]), high.clip(upper=metric.bounds[1])
    shown = {"mean": mean, "sd": sd, "low": low, "high": high}
    return found[["label", "epoch"]].assign(**shown).reset_index(drop=True)


def _chart(comparison: Comparison, metric: Metric, bands: pd.DataFrame) -> Spec:
    trained = [row.label for row in comparison.rows if row.runs and not row.members]
    shown = styles(trained)
    x: Spec = axis("e", "Epoch", tickMinStep=1, format="d", grid=False)
    ends = metric.scale * bands[["low", "high"]].to_numpy().ravel()
    y_axis = axis("m", metric.axis("val", log=metric.log_axis), ends, log=metric.log_axis)
    others = _points(bands, metric, {name: "-" for name in trained[len(shown) :]} , with_id=True)
    points = _points(bands, metric, {style.label: style.id for style in shown}, with_id=False)
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
    band = {"type": "area", "opacity": 0.16} if is_line else {"type": "rule", "strokeWidth": 2}
    layers += [
        {
            "mark": band,
            "encoding": {
                "x": x,
                "y": y_axis | {"field": "l"},
                "y2": {"field": "h"},
                "color": color_scale(shown),
            },
        },
        {
            "mark": mark,
            "encoding": {"x": x, "y": y_axis, "color": color_scale(shown), **dash},
        },
        _hover(bands, metric, shown, x),
    ]
    return chart(HEIGHT, layers, data={"values": points})


def _points(
    bands: pd.DataFrame, metric: Metric, ids: dict[str, str], *, with_id: bool
) -> list[dict[str, Any]]:
    """The bands of some rows, as shown; with a field that keeps grey lines apart."""
    chosen = bands[bands["label"].isin(ids)]
    keys = {label: i for i, label in enumerate(ids)}
    points = []
    for row in chosen.itertuples():
        point = {
            "s": ids[str(row.label)],
            "e": row.epoch,
            "m": number(metric.scale * float(row.mean)),
        }
        if with_id:
            point = {"k": keys[str(row.label)], "e": point["e"], "m": point["m"]}
        else:
            point |= {"l": number(metric.scale * row.low), "h": number(metric.scale * row.high)}
        points.append(point)
    return points


def _hover(bands: pd.DataFrame, metric: Metric, shown: list[Style], x: Spec) -> Spec:
    """A rule at the epoch nearest to the pointer, whose tooltip has the value of every row."""
    ids = {style.label: style.id for style in shown}
    texts: dict[int, dict[str, Any]] = {}
    for row in bands[bands["label"].isin(ids)].itertuples():
        text = mean_and_sd(metric, row.mean, row.sd)
        if metric.log_axis and row.high > row.low:
            text = f"{metric.cell(row.mean)} [{metric.cell(row.low)}, {metric.cell(row.high)}]"
        texts.setdefault(int(row.epoch), {"e": int(row.epoch)})[ids[str(row.label)]] = text
    tooltip = [{"field": "e", "title": "epoch", "type": "quantitative"}]
    tooltip += [{"field": s.id, "title": s.label, "type": "nominal"} for s in shown]
    near = {"type": "point", "fields": ["e"], "nearest": True, "on": "pointermove"}
    return {
        "data": {"values": [texts[epoch] for epoch in sorted(texts)]},
        "mark": {"type": "rule", "color": MUTED, "strokeWidth": 1},
        "params": [{"name": "near", "select": near | {"clear": "pointerout"}}],
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "near", "empty": False, "value": 0.6}, "value": 0},
            "tooltip": tooltip,
        },
    }
