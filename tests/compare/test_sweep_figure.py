"""A swept number is an axis: lines over one, heat maps over two."""

import numpy as np
import pytest

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import sweep_figure


def test_one_number_gives_a_line_per_model_on_a_log_axis(make_run, tmp_path):
    for lr, accuracy in ((0.01, 0.90), (0.1, 0.95), (1.0, 0.70)):
        for seed in (0, 1):
            options = {"seed": seed, "optim.lr": lr}
            make_run(test_acc=accuracy + 0.02 * seed, val_acc=accuracy, **options)
            make_run(test_acc=accuracy - 0.1, val_acc=accuracy - 0.1, model="lenet5",
                     **options, **{"model.name": "lenet5"})  # fmt: skip
    figure = sweep_figure(compare([tmp_path]))
    (axes,) = figure.axes
    assert figure.get_suptitle() == "Accuracy against optim.lr: 2 models on digits"
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "optim.lr (log scale)")
    assert axes.get_ylabel() == "Accuracy (%)"
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.01", "0.1", "1"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mlp", "lenet5"]
    mlp, validation, lenet5, _ = axes.lines
    assert list(mlp.get_xdata()) == [0.01, 0.1, 1.0]
    assert list(mlp.get_ydata()) == pytest.approx([91, 96, 71])
    assert list(validation.get_ydata()) == pytest.approx([90, 95, 70])
    assert list(lenet5.get_ydata()) == pytest.approx([80, 85, 60])
    assert len({(line.get_color(), line.get_linestyle()) for line in (mlp, lenet5)}) == 2
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(96 + np.sqrt(2))
    assert "n = 2 at each point" in figure.texts[-1].get_text()


def test_zero_has_a_place_beside_a_log_scale(make_run, tmp_path):
    for lr in (0.0, 0.0001, 0.001, 0.01):
        make_run(**{"optim.lr": lr})
    (axes,) = sweep_figure(compare([tmp_path])).axes
    assert (axes.get_xscale(), axes.get_xlabel()) == ("symlog", "optim.lr (log scale and 0)")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.0001", "0.001", "0.01"]


def test_two_numbers_give_a_heat_map_per_model_with_missing_cells_hatched(make_run, tmp_path):
    for model in ("mlp", "lenet5"):
        for lr in (0.01, 0.1):
            for size in (32, 64, 128):
                if (model, lr, size) == ("lenet5", 0.1, 64):
                    continue
                accuracy = 0.9 + lr / 10 - size / 10_000 - 0.1 * (model == "lenet5")
                options = {"optim.lr": lr, "batch_size": size, "model.name": model}
                make_run(test_acc=accuracy, val_acc=accuracy, **options)
    make_run(seed=1, test_acc=0.92, **{"optim.lr": 0.01, "batch_size": 32})
    figure = sweep_figure(compare([tmp_path]))
    mlp, lenet5, bar = figure.axes
    assert [axes.get_title() for axes in (mlp, lenet5)] == ["mlp", "lenet5"]
    assert (mlp.get_xlabel(), mlp.get_ylabel()) == ("batch_size", "optim.lr")
    assert bar.get_ylabel() == "Test accuracy (%)"
    expected = [[90.89, 89.46, 88.82], [90.68, 90.36, 89.72]]
    np.testing.assert_allclose(mlp.images[0].get_array(), expected)
    assert mlp.texts[0].get_text() == "90.89\nn=2"
    assert np.ma.getmaskarray(lenet5.images[0].get_array()).tolist() == [
        [False, False, False],
        [False, True, False],
    ]
    assert (len(mlp.patches), len(lenet5.patches)) == (0, 1)
    assert lenet5.patches[0].get_hatch() == "///"


def test_other_sweeps_are_no_picture(make_run, tmp_path):
    for model in ("mlp", "lenet5"):
        make_run(**{"model.name": model})
    assert sweep_figure(compare([tmp_path])) is None
    for lr in (0.1, 0.2):
        for size in (32, 64):
            for epochs in (2, 3):
                options = {"optim.lr": lr, "batch_size": size, "trainer.epochs": epochs}
                make_run(**options)
    assert sweep_figure(compare([tmp_path])) is None
