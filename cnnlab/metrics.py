"""The table of metrics: name, direction, unit and format of every number that a run reports.

Whatever ranks, stops, searches, prints or draws reads this table. A task of another kind names its
primary metric, a row of ``METRICS``, which the task's own file may add.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cnnlab.registry import CnnlabError, nearest
from cnnlab.text import duration, si, significant

Format = str | Callable[[float], str]
SPLITS = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Metric:
    """One quantity.

    Attributes:
        name: its key in ``METRICS``, which result.json names the primary metric by.
        column: of metrics.csv and result.json; after ``train_``, ``val_`` or ``test_`` where it is
            measured on a split.
        format: writes a value times ``scale``: a format specification or a function.
        suffix: follows a number in a sentence.
        unit: on an axis, and in a table's heading where no ``heading`` is set.
        label: in sentences and titles; the name where it is empty.
        axis_label: on an axis, without unit; the label where it is empty.
        difference_of: between a difference and the label, in a sentence.
        caption: of a table of such values; the axis text where it is empty.
        margin: least distance of points to the edge of a figure, as shown.
        loss: name of the metric in column ``loss`` of runs whose primary metric this is.
        is_primary: whether a task may be judged by it; then its validation column can be searched.
        bounds: its least and greatest possible value, as in the files.
    """

    name: str
    column: str
    higher_is_better: bool
    format: Format
    scale: float = 1
    suffix: str = ""
    unit: str = ""
    label: str = ""
    axis_label: str = ""
    heading: str = ""
    difference_of: str = "of"
    caption: str = ""
    log_axis: bool = False
    margin: float = 0
    loss: str = "loss"
    is_primary: bool = True
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        label = self.label or self.name
        heading = f"{label} {self.unit}".rstrip()
        for field, default in (("label", label), ("axis_label", label), ("heading", heading)):
            object.__setattr__(self, field, getattr(self, field) or default)
        object.__setattr__(self, "caption", self.caption or self.axis())

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """What an optimiser is asked to do."""
        return "maximize" if self.higher_is_better else "minimize"

    def is_better(self, value: float, best: float | None) -> bool:
        """Whether ``value`` is strictly better than the best so far, None before the first.

        Every number is better than NaN.
        """
        if best is None or math.isnan(best):
            return not math.isnan(value)
        return value > best if self.higher_is_better else value < best

    def cell(self, value: float) -> str:
        """A value in a table, under ``heading``: 0.9234 -> ``92.34``."""
        shown = self.scale * value
        return self.format(shown) if callable(self.format) else format(shown, self.format)

    def show(self, value: float) -> str:
        """A value in a sentence: 0.9234 -> ``92.34%``."""
        return f"{self.cell(value)}{self.suffix}"

    def show_difference(self, difference: float) -> str:
        """A difference of two values, with its sign: 0.04 -> ``+4.00``."""
        sign = "+" if difference >= 0 else "-"
        return f"{sign}{self.cell(abs(difference))}"

    def axis(self, split: str = "", *, log: bool = False) -> str:
        """``Validation accuracy (%)``; ``split`` is train, val, test or empty."""
        notes = ", ".join(note for note in (self.unit, "log scale" if log else "") if note)
        return _of_split(split, self.axis_label) + (f" ({notes})" if notes else "")

    def title(self, split: str = "") -> str:
        """``Validation accuracy``."""
        return _of_split(split, self.label)


def _of_split(split: str, label: str) -> str:
    words = f"{SPLITS[split]} {label}" if split else label
    return f"{words[0].upper()}{words[1:]}"


def _fraction(name: str, column: str, **others: Any) -> Metric:
    """A fraction in the files, shown in percent; more is better."""
    shown: dict[str, Any] = {"format": ".2f", "scale": 100, "suffix": "%", "unit": "%"}
    return Metric(name, column, higher_is_better=True, bounds=(0, 1), **shown, **others)


def _reported(name: str, column: str, format: Format, **others: Any) -> Metric:
    """A number that is reported but never the primary metric; less is better."""
    return Metric(name, column, False, format, is_primary=False, **others)


ACCURACY = _fraction(
    "accuracy",
    "acc",
    heading="acc %",
    difference_of="points of",
    caption="Accuracies in percent",
    margin=0.5,
    loss="cross entropy",
)
PIXEL_ERROR = Metric(
    "pixel error",
    "loss",
    higher_is_better=False,
    format=".5f",
    suffix=" per pixel",
    label="error",
    axis_label="mean squared error per pixel",
    caption="Mean squared errors per pixel, pixels in 0..1",
    log_axis=True,
    margin=0.0005,
    bounds=(0, math.inf),
    loss="pixel error",
)
LOSS = _reported("loss", "loss", ".4f")  # of a task that is not known
_NATS: dict[str, Any] = {"unit": "nats", "label": "loss", "axis_label": "cross-entropy"}
_SPEED: dict[str, Any] = {"unit": "images/s", "heading": "images/s", "suffix": " images/s"}
_LATENCY: dict[str, Any] = {"scale": 1000, "suffix": " ms", "unit": "ms", "heading": "latency ms"}
_MEMORY: dict[str, Any] = {"scale": 1e-6, "suffix": " MB", "unit": "MB", "log_axis": True}
_ROWS = (
    ACCURACY,
    PIXEL_ERROR,
    LOSS,
    _reported("cross entropy", "loss", ".4f", log_axis=True, **_NATS),
    _fraction("macro F1", "macro_f1", label="macro-F1", is_primary=False),
    _reported("parameters", "params", si, heading="params", log_axis=True),
    _reported("MACs", "macs", si, axis_label="MACs for one image", log_axis=True),
    _reported("training time", "train_seconds", duration, unit="s", heading="train", log_axis=True),
    _reported("time to target", "seconds_to_target", duration, unit="s", log_axis=True),
    Metric("throughput", "images_per_second", True, si, is_primary=False, **_SPEED),
    _reported("single-image latency", "latency_seconds", significant, log_axis=True, **_LATENCY),
    _reported("peak memory", "peak_host_bytes", significant, **_MEMORY),
    _reported("peak GPU memory", "peak_device_bytes", significant, **_MEMORY),
    _reported("learning rate", "lr", ".3g", log_axis=True),  # nothing ranks by it
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ROWS}


def metric_of(result: Mapping[str, Any]) -> Metric:
    """The primary metric of a run: what its best epoch is chosen by and its test judged by.

    ``result`` is its result.json; ``metric`` in it is a name in the table or a validation column.
    Results of the first edition have none, neither has a row of metrics.csv: then it is the first
    metric of the table with a validation column. A loss alone is the pixel error of an
    autoencoder, or the loss of another ``task``.

    Raises:
        CnnlabError: the result names a metric that is not in the table.
    """
    name = result.get("metric")
    if name in METRICS:
        return METRICS[name]
    columns = result if name is None else (name,)
    for metric in METRICS.values():
        if metric.column != "loss" and f"val_{metric.column}" in columns:
            return metric
    if name in (None, "val_loss"):
        return PIXEL_ERROR if result.get("task", "reconstruct") == "reconstruct" else LOSS
    raise CnnlabError(
        f"no metric '{name}'{nearest(str(name), METRICS)}; --import MODULE names the file that "
        "adds a metric of your own"
    )


def split_of(column: str) -> str:
    """``val_acc`` -> ``val``; empty for what is measured on no split, such as train_seconds."""
    split, _, rest = column.partition("_")
    return split if split in SPLITS and _by_column(rest) and not _by_column(column) else ""


def find_metric(column: str, primary: Metric | None = None) -> Metric | None:
    """The metric of a column of metrics.csv or result.json; None for other columns.

    ``val_loss`` is the loss that belongs to the ``primary`` metric: the cross entropy of a
    classifier, the pixel error of an autoencoder. Without it, a loss of unknown kind.
    """
    bare = column.removeprefix(f"{split_of(column)}_")
    if bare == "loss":
        return METRICS[primary.loss] if primary is not None else LOSS
    return _by_column(bare)


def metric_of_column(column: str, primary: Metric | None = None) -> Metric:
    """As ``find_metric``; raises a CnnlabError where no metric has this column."""
    metric = find_metric(column, primary)
    if metric is None:
        known = [f"{prefix}{m.column}" for m in METRICS.values() for prefix in ("", "val_")]
        raise CnnlabError(f"no metric has the column '{column}'{nearest(column, known)}")
    return metric


def describe_column(column: str) -> str:
    """``val_acc`` -> ``validation accuracy``, ``macs`` -> ``MACs``."""
    split, label = split_of(column), metric_of_column(column).label
    return f"{SPLITS[split]} {label}" if split else label


def show_scores(result: Mapping[str, Any], split: str) -> str:
    """``accuracy 98.10%, macro-F1 97.99%, loss 0.0712``: what was measured on a split.

    The primary metric comes first, the loss last.
    """
    primary = metric_of(result)
    scores = {
        metric: float(value)
        for column, value in result.items()
        if split_of(column) == split
        and (metric := find_metric(column, primary)) is not None
        and isinstance(value, int | float)
    }
    order = sorted(scores, key=lambda metric: (metric != primary, metric.column == "loss"))
    return ", ".join(f"{metric.label} {metric.show(scores[metric])}" for metric in order)


def _by_column(column: str) -> Metric | None:
    if top := re.fullmatch(r"top([1-9]\d{0,4})", column):
        name = f"top-{top[1]} accuracy"
        return _fraction(name, column, heading=f"top-{top[1]} %", is_primary=False)
    return next((metric for metric in METRICS.values() if metric.column == column), None)
