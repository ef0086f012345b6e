"""Accuracy and confusion of each class: means over seeds, and their pictures."""

import json

import numpy as np
import pytest

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import confusion_figure, per_class_figure
from cnnlab.compare.per_class import (
    class_names,
    mean_confusion,
    per_class_accuracy,
    per_class_table,
)
from cnnlab.registry import CnnlabError


@pytest.fixture
def make_tested(make_run):
    """As ``make_run``, with logits that predict some classes for images of others."""

    def make(labels, predicted, classes, names=None, **options):
        run = make_run(**options)
        logits = np.eye(classes, dtype=np.float32)[predicted]
        np.savez(run.outputs_file("logits"), logits=logits, labels=np.array(labels))
        if names:
            part = {"count": len(labels), "digest": "0" * 12}
            parts = dict.fromkeys(("train", "val", "test"), part)
            run.data_file.write_text(json.dumps({"classes": names, "parts": parts}))
        return run

    return make


def test_means_over_seeds(make_tested, make_run, tmp_path):
    names = ["cat", "dog", "bird"]  # without a bird in the test set
    make_tested([0, 0, 1, 1], [0, 1, 1, 1], 3, names, seed=0)
    make_tested([0, 0, 1, 1], [0, 0, 1, 2], 3, names, seed=1)
    make_run(test_acc=0.5, val_acc=0.5, **{"model.name": "without"})
    comparison = compare([tmp_path])
    row, without = comparison.rows
    nan = np.nan
    expected = np.array([[0.75, 0.25, 0], [0, 0.75, 0.25], [nan, nan, nan]])
    np.testing.assert_array_equal(mean_confusion(row), expected)
    np.testing.assert_array_equal(per_class_accuracy(row), [0.75, 0.75, nan])
    assert class_names(row) == names
    assert (mean_confusion(without), per_class_accuracy(without)) == (None, None)
    assert class_names(without) == []
    table = per_class_table(comparison.rows)
    assert (list(table.index), list(table.columns)) == (names, ["mlp"])
    axes = confusion_figure(comparison, "mlp").axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array().filled(nan), 100 * expected)
    assert [text.get_text() for text in axes.texts] == ["75", "25", "75", "25"]
    assert confusion_figure(comparison, "without") is None
    with pytest.raises(CnnlabError, match=r"no configuration 'mpl'.*mlp"):
        confusion_figure(comparison, "mpl")


def test_seeds_with_other_classes_have_no_mean(make_tested, tmp_path):
    make_tested([0, 1], [0, 1], 2, seed=0)
    make_tested([0, 1], [0, 1], 3, seed=1)
    (row,) = compare([tmp_path]).rows
    assert mean_confusion(row) is None
    assert class_names(row) == ["0", "1"]


def test_the_worst_of_many_classes_are_shown(make_tested, tmp_path):
    labels = np.repeat(np.arange(25), 2)
    predicted = labels.copy()
    predicted[1::2][:7] = 24  # of classes 0 to 6 every other image
    make_tested(labels, predicted, 25)
    figure = per_class_figure(compare([tmp_path]))
    axes = figure.axes[0]
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == [str(i) for i in range(20)]
    assert axes.images[0].get_array()[0].tolist() == [50] * 7 + [100] * 13
    assert "The 20 of 25 classes with the worst mean." in figure.texts[-1].get_text()
