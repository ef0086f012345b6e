"""Calibration by hand, accuracy of each class, and what their figures and the mistakes' show."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cnnlab.explain.answers.calibration import calibration, calibration_figure
from cnnlab.explain.answers.confusion import accuracies, confused_with, confusion_counts
from cnnlab.explain.answers.mistakes import mistakes_figure
from cnnlab.explain.answers.per_class import per_class_figure
from cnnlab.explain.features.scatter import scatter_figure


def test_expected_calibration_error_by_hand() -> None:
    """0.50 and 0.52 share bin 8, one right: |0.5 - 0.51|; 0.9 right: 0.1; 1 wrong: 1."""
    found = calibration([0.5, 0.52, 0.9, 1.0], [True, False, True, False])
    assert found.error == pytest.approx(2 / 4 * 0.01 + 1 / 4 * 0.1 + 1 / 4 * 1)
    assert found.counts.nonzero()[0].tolist() == [7, 13, 14]
    assert found.counts.sum() == 4
    assert found.accuracy[7] == 0.5
    assert found.confidence[7] == pytest.approx(0.51)
    assert np.isnan(found.accuracy[0])
    assert calibration([0.25, 0.5, 0.75, 1.0], [1, 0, 1, 1], bins=2).counts.tolist() == [2, 2]
    assert calibration([1.0, 1.0], [True, True]).error == 0


@pytest.mark.parametrize(("sure", "right"), [([], []), ([0.5], [1, 0]), ([1.5], [1])])
def test_what_is_no_confidence_is_refused(sure, right) -> None:
    with pytest.raises(ValueError, match="confidence"):
        calibration(sure, right)


def test_reliability_diagram() -> None:
    upper, lower = calibration_figure(calibration([0.5, 0.52, 0.9], [1, 0, 1]), "mlp").axes
    assert "expected calibration error 4.00%, 15 bins, 3 images" in upper.get_title()
    heights = [bar.get_height() for bar in upper.containers[0]]
    assert heights == [0.5, 1]
    assert [text.get_text() for text in lower.texts] == ["2", "1"]


def test_accuracy_of_each_class() -> None:
    counts = confusion_counts([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], 4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert accuracies(counts)[:3].tolist() == pytest.approx([2 / 3, 1, 0])
    assert np.isnan(accuracies(counts)[3])
    assert confused_with(counts) == [1, None, 0, None]
    axes = per_class_figure(counts, list("abcd"), "mlp").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list("abc")
    assert [text.get_text() for text in axes.texts] == ["66.7%  of 3", "100.0%  of 2", "0.0%  of 1"]
    assert axes.get_ylim() == (2.6, -0.6)  # no point on the frame
    many = confusion_counts(np.arange(40), np.append(np.arange(39), 0), 40)
    axes = per_class_figure(many, list(map(str, range(40)))).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == ["39", "0"]
    assert "the 30 worst of 40 classes" in axes.get_title()


def test_mistakes_are_named() -> None:
    pixels = np.zeros((6, 3, 8, 8), np.uint8)
    sure = [0.99999, 0.9, 0.8, 0.7, 0.6, 0.5]
    figure = mistakes_figure(pixels, [0] * 6, [1] * 6, sure, ["cat", "dog"])
    first, second = figure.axes[:2]
    assert first.get_title() == "true: cat"
    assert first.get_xlabel() == "predicted: dog\nover 99.9% sure"
    assert second.get_xlabel() == "predicted: dog\n90.0% sure"
    assert [axes.get_visible() for axes in figure.axes] == [True] * 6 + [False] * 4


def test_the_name_of_a_run_is_not_cut_off() -> None:
    name = "resnet20_cifar100_epochs200_augment.crop4_flip_cutout8_lr0.4_weight_decay0.0005_seed3"
    found = calibration([0.6, 0.9], [True, False])
    figures = [
        per_class_figure(np.eye(2, dtype=np.int64), ["cat", "dog"], name),
        calibration_figure(found, name),
        mistakes_figure(
            np.zeros((1, 1, 8, 8), np.uint8), [0], [1], [0.9], ["cat", "dog"], name * 2
        ),
        scatter_figure({"PCA": (np.eye(2), ("x", "y"))}, [0, 1], ["cat", "dog"], name * 2),
    ]
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        titles = [axes.title for axes in figure.axes]
        titles += [] if figure._suptitle is None else [figure._suptitle]
        widest = max((text.get_window_extent() for text in titles), key=lambda box: box.width)
        assert widest.width > 0.5 * figure.bbox.width
        assert 0 <= widest.x0 < widest.x1 <= figure.bbox.width
        assert widest.y1 <= figure.bbox.height
