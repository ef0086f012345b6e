from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import cost_figure, curves_figure
from cnnlab.compare.figures.style import PALE


def test_curves_are_means_with_a_band_of_one_sd(make_run, tmp_path):
    make_run(seed=0, curve=[(0.4, 2.0), (0.8, 1.0)])
    make_run(seed=1, curve=[(0.6, 4.0), (0.8, 1.0)])
    figure = curves_figure(compare([tmp_path]))
    accuracy, loss = figure.axes
    assert figure.get_suptitle() == "Validation during training: mlp on digits"
    assert [axes.get_title() for axes in figure.axes] == ["Validation accuracy", "Validation loss"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["Epoch", "Epoch"]
    assert accuracy.get_ylabel() == "Accuracy (%)"
    assert loss.get_ylabel() == "Cross-entropy (nats, log scale)"
    (line,) = accuracy.lines
    assert list(line.get_xdata()) == [1, 2]
    assert list(line.get_ydata()) == pytest.approx([50, 80])
    (band,) = accuracy.collections
    heights = band.get_paths()[0].vertices[:, 1]
    spread = 100 * np.std([0.4, 0.6], ddof=1)
    assert heights.max() == pytest.approx(80)
    assert heights.min() == pytest.approx(50 - spread)
    # On the log axis: geometric mean of 2 and 4, times and divided by exp(SD of their logarithms).
    assert list(loss.lines[0].get_ydata()) == pytest.approx([8**0.5, 1])
    heights = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(np.sqrt(8) * np.exp(np.log(2) / np.sqrt(2)))
    assert heights.min() == pytest.approx(1)
    assert "on the log axis geometric mean and SD" in figure.texts[-1].get_text()


def test_curves_end_where_the_first_seed_stopped(make_run, tmp_path):
    make_run(seed=0, curve=[(0.4, 2.0), (0.5, 1.0), (0.6, 0.5)], **{"trainer.epochs": 3})
    make_run(seed=1, curve=[(0.6, 2.0), (0.7, 1.0)], **{"trainer.epochs": 3})
    (line,) = curves_figure(compare([tmp_path])).axes[0].lines
    assert list(line.get_ydata()) == pytest.approx([50, 60])


def test_one_seed_has_no_band_and_one_epoch_is_a_dot(make_run, tmp_path):
    make_run(curve=[(0.4, 2.0)])
    axes = curves_figure(compare([tmp_path])).axes[0]
    assert len(axes.collections) == 0
    assert axes.lines[0].get_marker() == "o"


def test_of_many_configurations_the_best_twelve_are_named(make_run, tmp_path):
    for i in range(15):
        make_run(val_acc=1 - i / 100, **{"optim.lr": (i + 1) / 100})
    comparison = compare([tmp_path])
    figure = curves_figure(comparison)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == comparison.labels[:12]
    assert {line.get_color() for line in figure.axes[0].lines[12:]} == {PALE}
    assert "the best 12 of 15 configurations by validation, the other 3 in grey" in (
        figure.texts[-1].get_text()
    )


def test_legend_names_every_configuration_and_line_styles_differ(make_run, tmp_path):
    for i in range(12):
        make_run(val_acc=1 - i / 100, **{"optim.lr": (i + 1) / 100})
    comparison = compare([tmp_path])
    figure = curves_figure(comparison)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == comparison.labels
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 12


def test_cost_points_error_bars_and_labels(make_run, tmp_path):
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        make_run(seed=seed, test_acc=accuracy, val_acc=0.9)
    make_run(test_acc=0.8, val_acc=0.8, result={"params": 50_000}, **{"model.name": "lenet5"})
    figure = cost_figure(compare([tmp_path]))
    params, macs = figure.axes
    assert figure.get_suptitle() == "Accuracy against cost: 2 models on digits"
    assert params.get_title() == "Test accuracy against parameters"
    assert macs.get_title() == "Test accuracy against MACs"
    assert params.get_xlabel() == "Parameters (log scale)"
    assert macs.get_xlabel() == "MACs for one image (log scale)"
    assert params.get_ylabel() == "Test accuracy (%), ±1 SD over seeds"
    assert params.get_xscale() == macs.get_xscale() == "log"
    mlp, lenet5 = params.containers
    assert mlp.lines[0].get_xydata()[0] == pytest.approx([1000, 92])
    (segment,) = mlp.lines[2][0].get_segments()
    assert segment[:, 1] == pytest.approx([90, 94])
    assert not lenet5.has_yerr
    assert [text.get_text() for text in params.texts] == ["mlp", "lenet5"]


@pytest.mark.parametrize("same_cost", [True, False])
def test_twelve_labels_do_not_overlap_and_stay_inside_the_axes(make_run, tmp_path, same_cost):
    rng = np.random.default_rng(0)
    for i in range(12):
        accuracy = 0.97 + rng.uniform(-0.01, 0.01)
        cost = 60_000 * (1 if same_cost else 1 + i % 4)
        result = {"params": cost, "macs": 3 * cost}
        options = {"optim.lr": (i + 1) / 100, "batch_size": 10 * i + 10}
        make_run(test_acc=accuracy, val_acc=accuracy, result=result, **options)
    comparison = compare([tmp_path])
    figure = cost_figure(comparison)
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert {text.get_text() for text in axes.texts} == set(comparison.labels)
        # Text's own extent: an annotation's would include the line that leads to its point.
        boxes = [Text.get_window_extent(text) for text in axes.texts]
        assert not [pair for pair in combinations(boxes, 2) if _cover(*pair)]
        assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_long_names_are_in_a_legend_and_numbers_beside_their_points(make_run, tmp_path):
    for i in range(3):
        make_run(val_acc=1 - i / 100, **{"model.name": f"a_model_with_a_rather_long_name_{i}"})
    comparison = compare([tmp_path])
    curves, cost = curves_figure(comparison), cost_figure(comparison)
    assert not [text for axes in curves.axes for text in axes.texts]
    for axes in cost.axes:
        assert sorted(text.get_text() for text in axes.texts) == ["1", "2", "3"]
    for figure in (curves, cost):
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == comparison.labels
        figure.draw_without_rendering()
        below = min(axes.bbox.y0 for axes in figure.axes)
        assert legend.get_window_extent().y1 <= below
    marks = [handle.get_marker() for handle in cost.legends[0].legend_handles]
    assert marks == ["$1$", "$2$", "$3$"]


def test_initial_weights_are_named_as_in_folders(make_run, tmp_path):
    source = "runs/code/autoencoder_mnist_lr0.1-0123abcd"
    make_run(val_acc=0.9, init={"from": source}, **{"optim.lr": 0.2})
    make_run(val_acc=0.8, init={"from": None})
    assert list(compare([tmp_path]).table["init.from"]) == ["autoencoder-0123abcd", "null"]


def _cover(first, second):
    """Whether two boxes share more than the touch of their edges (one pixel)."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return width > 1 and height > 1


def test_a_diverged_seed_and_a_spread_wider_than_the_mean_are_drawn(make_run, tmp_path):
    make_run(seed=0, curve=[(0.4, 0.01), (0.8, 0.01)])
    make_run(seed=1, curve=[(0.6, 5.0), (0.1, float("nan"))])
    figure = curves_figure(compare([tmp_path]))
    figure.draw_without_rendering()
    loss = figure.axes[1]
    assert list(loss.lines[0].get_ydata()) == pytest.approx([0.05**0.5])
    assert loss.get_ylim()[0] > 1e-4
