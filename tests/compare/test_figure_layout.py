"""Whatever is drawn: no text covers another, and all of it is inside the figure."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import (
    confusion_figure,
    cost_figure,
    curves_figure,
    pareto_figure,
    per_class_figure,
    sweep_figure,
)

LONG = "a_network_with_a_very_long_name_and_one_more_option_number"


def covering(figure, monkeypatch):
    """The pairs of texts that share more than one pixel in both directions, and what is outside."""
    drawn = {}
    draw = Text.draw

    def record(text, renderer):
        if text.get_visible() and text.get_text().strip():
            # Text's own extent: an annotation's would include the line that leads to its point.
            drawn[text] = Text.get_window_extent(text, renderer).extents
        draw(text, renderer)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.draw_without_rendering()
    texts, boxes = [text.get_text() for text in drawn], np.array(list(drawn.values()))
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    pairs = np.argwhere(np.triu((high - low > 1).all(axis=2), k=1))
    width, height = figure.bbox.size
    is_outside = (boxes[:, :2] < -1).any(axis=1) | (boxes[:, 2] > width + 1)
    is_outside |= boxes[:, 3] > height + 1
    return [(texts[i], texts[j]) for i, j in pairs] + [
        text for text, outside in zip(texts, is_outside, strict=True) if outside
    ]


def test_planted_faults_are_found(monkeypatch):
    figure = Figure()
    for x, text in ((0.2, "first"), (0.21, "second"), (0.6, "apart"), (0.98, "outside")):
        figure.text(x, 0.5, text)
    assert covering(figure, monkeypatch) == [("first", "second"), "outside"]


def write_logits(run, accuracy, classes):
    labels = np.arange(10 * classes) % classes
    predicted = np.where(np.arange(len(labels)) < accuracy * len(labels), labels, 0)
    logits = np.eye(classes, dtype=np.float32)[predicted]
    np.savez(run.outputs_file("logits"), logits=logits, labels=labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "name"),
    [
        *((1, "m"), (4, LONG), (12, "m")),
        *(pytest.param(60, name, marks=pytest.mark.slow(5)) for name in ("m", LONG)),
    ],
)
def test_texts_are_apart_and_inside(make_run, tmp_path, monkeypatch, count, name):
    rng = np.random.default_rng(count)
    for i in range(count):
        accuracy, cost = rng.uniform(0.9, 0.95), 10 ** rng.uniform(0, 2)
        costs = {"params": int(6e4 * cost), "macs": int(4e5 * cost), "latency_seconds": cost / 1e4}
        run = make_run(
            test_acc=accuracy,
            val_acc=accuracy,
            curve=[(0.5, 1.0), (accuracy, rng.uniform(0.1, 0.2))],
            result=costs | {"train_seconds": cost},
            **{"model.name": f"{name}{i}"},
        )
        write_logits(run, accuracy, classes=30 if name == LONG else 10)
    comparison = compare([tmp_path])
    figures = [
        curves_figure(comparison),
        cost_figure(comparison),
        pareto_figure(comparison, "training time"),
        per_class_figure(comparison),
        confusion_figure(comparison, comparison.labels[0]),
    ]
    assert [covering(figure, monkeypatch) for figure in figures] == [[]] * 5


@pytest.mark.parametrize("batch_sizes", [[128], [16, 32, 64, 100]])
def test_texts_of_sweeps_are_apart_and_inside(make_run, tmp_path, monkeypatch, batch_sizes):
    for rate in (0.001, 0.003, 0.01, 0.1):
        for size in batch_sizes:
            for model in ("mlp", LONG):
                options = {"optim.lr": rate, "batch_size": size, "model.name": model}
                make_run(test_acc=0.9 + rate / 10 + size / 10_000, **options)
    assert covering(sweep_figure(compare([tmp_path])), monkeypatch) == []


def test_names_are_drawn_as_they_are(make_run, tmp_path, monkeypatch):
    """A dollar starts no formula, an underscore hides nothing; a letter without glyph is a ?."""
    for name in ("$x$_{", "_hidden", "日本"):
        make_run(**{"model.name": name})
    comparison = compare([tmp_path])
    curves, cost = curves_figure(comparison), cost_figure(comparison)
    assert covering(curves, monkeypatch) + covering(cost, monkeypatch) == []
    names = {text.get_text().strip() for text in curves.legends[0].get_texts()}
    assert names == {r"\$x\$_{", "_hidden", "??"}
