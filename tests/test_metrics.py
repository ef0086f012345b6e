"""The table of metrics: values, words, directions and columns."""

import subprocess
import sys

import pytest

from cnnlab.metrics import (
    ACCURACY,
    LOSS,
    METRICS,
    PIXEL_ERROR,
    describe_column,
    find_metric,
    metric_of,
    metric_of_column,
    show_scores,
    split_of,
)
from cnnlab.registry import CnnlabError


def test_every_metric_is_in_the_table_under_its_name():
    assert {
        *("accuracy", "cross entropy", "pixel error", "macro F1", "parameters", "MACs"),
        *("training time", "time to target", "throughput", "learning rate", "loss"),
        *("single-image latency", "peak memory", "peak GPU memory"),
    } == set(METRICS)
    assert all(metric.name == name for name, metric in METRICS.items())
    assert all(metric.loss in METRICS for metric in METRICS.values())


@pytest.mark.parametrize(
    ("name", "value", "cell", "sentence"),
    [
        ("accuracy", 0.92345, "92.34", "92.34%"),
        ("cross entropy", 0.123456, "0.1235", "0.1235"),
        ("pixel error", 0.0123456, "0.01235", "0.01235 per pixel"),
        ("macro F1", 0.5, "50.00", "50.00%"),
        ("parameters", 269_722, "269.7k", "269.7k"),
        ("MACs", 40_551_808, "40.6M", "40.6M"),
        ("training time", 750, "12.5 min", "12.5 min"),
        ("throughput", 12_345, "12.3k", "12.3k images/s"),
        ("learning rate", 0.1 / 3, "0.0333", "0.0333"),
    ],
)
def test_values_in_tables_and_sentences(name, value, cell, sentence):
    assert METRICS[name].cell(value) == cell
    assert METRICS[name].show(value) == sentence


def test_differences_have_a_sign():
    differences = [ACCURACY.show_difference(d) for d in (0.04, -0.04, 0)]
    assert differences == ["+4.00", "-4.00", "+0.00"]
    assert PIXEL_ERROR.show_difference(-0.01) == "-0.01000"


def test_directions():
    up = {name for name, metric in METRICS.items() if metric.higher_is_better}
    assert up == {"accuracy", "macro F1", "throughput"}
    assert (ACCURACY.direction, LOSS.direction) == ("maximize", "minimize")
    assert ACCURACY.is_better(0.9, 0.8)
    assert not ACCURACY.is_better(0.8, 0.8)
    assert LOSS.is_better(0.1, 0.2)
    assert not LOSS.is_better(0.2, 0.2)
    assert LOSS.is_better(9.0, None)
    assert not LOSS.is_better(float("nan"), 0.2)


def test_words_on_axes_and_headings():
    assert ACCURACY.axis() == "Accuracy (%)"
    assert ACCURACY.axis("val") == "Validation accuracy (%)"
    assert METRICS["cross entropy"].axis(log=True) == "Cross-entropy (nats, log scale)"
    assert METRICS["MACs"].axis(log=True) == "MACs for one image (log scale)"
    assert METRICS["MACs"].title() == "MACs"
    assert METRICS["training time"].axis() == "Training time (s)"
    assert METRICS["macro F1"].heading == "macro-F1 %"
    assert METRICS["cross entropy"].title("test") == "Test loss"


def test_latency_and_memory_have_units():
    latency, memory = METRICS["single-image latency"], METRICS["peak memory"]
    assert latency.show(0.00021349) == "0.213 ms"
    assert latency.show(1.2345) == "1234 ms"
    assert (latency.heading, latency.axis()) == ("latency ms", "Single-image latency (ms)")
    assert memory.show(512.4e6) == "512 MB"
    assert memory.show_difference(-2.5e6) == "-2.5"
    assert metric_of_column("peak_device_bytes").axis(log=True) == "Peak GPU memory (MB, log scale)"
    for metric in (latency, memory):
        assert (metric.direction, metric.log_axis, metric.is_primary) == ("minimize", True, False)


def test_columns_have_metrics():
    columns = ("val_acc", "test_macro_f1", "macs", "train_seconds", "train_loss", "lr")
    assert [(split_of(c), metric_of_column(c).name) for c in columns] == [
        *(("val", "accuracy"), ("test", "macro F1"), ("", "MACs"), ("", "training time")),
        *(("train", "loss"), ("", "learning rate")),
    ]
    assert metric_of_column("val_loss", ACCURACY) is METRICS["cross entropy"]
    assert metric_of_column("val_loss", PIXEL_ERROR) is PIXEL_ERROR
    assert find_metric("num_test") is None
    assert describe_column("val_acc") == "validation accuracy"
    assert describe_column("params") == "parameters"
    with pytest.raises(CnnlabError, match="no metric has the column 'val_ac'; did you mean"):
        metric_of_column("val_ac")


def test_the_primary_metric_of_a_run():
    assert metric_of({"metric": "pixel error", "val_acc": 1.0}) is PIXEL_ERROR
    assert metric_of({"metric": "val_acc"}) is ACCURACY
    assert metric_of({"metric": "val_loss", "task": "reconstruct"}) is PIXEL_ERROR
    assert metric_of({"metric": "val_loss", "task": "segment", "val_acc": 1.0}) is LOSS
    assert metric_of({"val_acc": 0.0, "val_loss": 1.0}) is ACCURACY  # of the first edition
    assert metric_of({"val_loss": 1.0}) is PIXEL_ERROR
    with pytest.raises(CnnlabError, match=r"no metric 'mean IoU'.*--import MODULE"):
        metric_of({"metric": "mean IoU"})


def test_scores_of_a_split_start_with_the_primary_metric():
    result = {"test_loss": 0.1, "test_macro_f1": 0.9, "test_acc": 0.95, "val_acc": 0.9}
    result |= {"num_test": 7, "test_note": "none"}
    assert show_scores(result, "test") == "accuracy 95.00%, macro-F1 90.00%, loss 0.1000"
    assert show_scores({"test_loss": 0.1}, "test") == "error 0.10000 per pixel"


def test_the_table_needs_no_torch():
    script = "import sys, cnnlab.metrics; print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
