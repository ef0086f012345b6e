"""Runs without accuracy: ranked by their error, in table, verdict and figures."""

import io

import pytest
from rich.console import Console

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import cost_figure, curves_figure
from cnnlab.compare.report import as_markdown, write_report
from cnnlab.compare.terminal_table import print_report
from cnnlab.metrics import ACCURACY, PIXEL_ERROR


@pytest.fixture
def make_autoencoder(make_run):
    """As ``make_run``, of an autoencoder."""

    def make(*, test_loss, val_loss, **options):
        run = make_run(curve=[(0.0, 0.5), (0.0, val_loss)], **options)
        accuracies = ("test_acc", "val_acc", "test_macro_f1")
        result = {key: value for key, value in run.result().items() if key not in accuracies}
        run.write_result(result | {"test_loss": test_loss, "val_loss": val_loss, "num_test": 9})
        run.metrics().drop(columns="val_acc").to_csv(run.metrics_file, index=False)
        return run

    return make


@pytest.fixture
def comparison(make_autoencoder, tmp_path):
    for seed, error in enumerate((0.008, 0.010, 0.012)):
        name = {"model.name": "autoencoder", "model.code": 64}
        make_autoencoder(seed=seed, test_loss=error, val_loss=0.011, **name)
        name = {"model.name": "autoencoder", "model.code": 8}
        make_autoencoder(seed=seed, test_loss=2 * error, val_loss=0.02, **name)
    return compare([tmp_path])


def test_the_smallest_error_comes_first(comparison):
    assert comparison.metric is PIXEL_ERROR
    table = comparison.table
    assert list(table["model.code"]) == [64, 8]
    assert list(table["test_loss"]) == pytest.approx([0.010, 0.020])
    assert list(table["test_loss_sd"]) == pytest.approx([0.002, 0.004])
    assert list(table["val_loss"]) == pytest.approx([0.011, 0.02])
    assert not {"test_acc", "val_acc", "test_macro_f1"} & set(table)


def test_table_and_verdict_name_the_error(comparison):
    lines = as_markdown(comparison).splitlines()
    assert lines[2].startswith("| model.code | n | test error | val error |")
    assert lines[4].startswith("| 64 | 3 | 0.01000 ± 0.00200 [0.00503, 0.01497] | 0.01100 |")
    assert "Mean squared errors per pixel, pixels in 0..1: mean ± SD" in "\n".join(lines)
    # differences 0.008, 0.010, 0.012: SE = 0.002 / sqrt(3); t(2) = 4.3027
    assert comparison.verdicts == [
        "code=64 is better than code=8: -0.01000 of test error [-0.01497, -0.00503] "
        "(paired t test by seed, n = 3, p = 0.013)."
    ]
    console = Console(file=io.StringIO(), width=100)
    print_report(comparison, console)
    assert "0.01000 ± 0.00200" in console.file.getvalue()


@pytest.mark.slow
def test_figures_show_errors(comparison, tmp_path):
    (error,) = curves_figure(comparison).axes
    assert error.get_title() == "Validation error"
    assert error.get_ylabel() == "Mean squared error per pixel (log scale)"
    assert list(error.lines[0].get_ydata()) == pytest.approx([0.5, 0.011])
    params, _ = cost_figure(comparison).axes
    assert params.get_title() == "Test error against parameters"
    assert params.containers[0].lines[0].get_xydata()[0] == pytest.approx([1000, 0.010])
    assert len(write_report(comparison, tmp_path / "report")) == 6  # model.code was swept


def test_classifiers_and_autoencoders_are_not_ranked_together(make_run, make_autoencoder, tmp_path):
    make_autoencoder(test_loss=0.01, val_loss=0.01, **{"model.name": "autoencoder"})
    make_run(test_acc=0.9, result={"num_test": 9})
    comparison = compare([tmp_path])
    assert comparison.metric is ACCURACY
    assert list(comparison.table["model"]) == ["mlp"]
    assert comparison.notes == [
        "1 run without accuracy left out (ranked by pixel error): compare them separately"
    ]
