"""A metric that a new task adds to the table, in every place that ranks, stops or shows."""

from types import SimpleNamespace

import optuna
import pytest

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import cost_figure, curves_figure
from cnnlab.compare.report import as_markdown
from cnnlab.metrics import ACCURACY
from cnnlab.runs.status import ordered, read_runs
from cnnlab.runs.status_table import as_table
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.space import Space
from cnnlab.sweep.search.study import open_study
from cnnlab.training.callbacks import EarlyStop
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.module import TrainingModule
from cnnlab.training.plateau import Plateau
from cnnlab.training.progress import _numbers

pytestmark = pytest.mark.usefixtures("mean_iou")


@pytest.fixture
def make_segmentation(make_run, mean_iou):
    def make(miou, **options):
        run = make_run(curve=[(0.2, 2.0), (miou, 1.0)], **options)
        metrics = run.metrics().rename(columns={"val_acc": "val_miou"})
        metrics.to_csv(run.metrics_file, index=False)
        if run.is_done:
            scores = {"val_miou": miou, "test_miou": miou - 0.1, "val_loss": 1.0, "test_loss": 1.5}
            own = {k: v for k, v in run.result().items() if not k.endswith(("_acc", "_f1"))}
            run.write_result(own | scores | {"task": "segment", "metric": mean_iou.name})
        return run

    return make


def epoch_end(callback, row):
    """Show a callback one epoch's row; whether it stops the training."""
    task = TrainingModule.__new__(TrainingModule)
    position = SimpleNamespace(step=1, steps_per_epoch=1)
    task.__dict__.update(row=row, position=position, is_validated=True)
    trainer = SimpleNamespace(should_stop=False)
    callback.on_train_epoch_end(trainer, task)
    return trainer.should_stop


def test_a_new_metric_stops_early():
    stop = EarlyStop("val_miou", patience=2)
    rows = [{"epoch": n, "val_miou": v} for n, v in enumerate((0.3, 0.5, 0.4, 0.5), 1)]
    assert [epoch_end(stop, row) for row in rows] == [False, False, False, True]
    assert stop.best == 0.5


def test_a_new_metric_chooses_the_checkpoint(tmp_path):
    checkpoint = RunCheckpoint(tmp_path, keep="val_miou")
    checkpoint.best = {"epoch": 1, "value": 0.5}
    assert [checkpoint._better(value) for value in (0.4, 0.5, 0.6)] == [False, False, True]


def test_a_new_metric_lowers_the_learning_rate_on_a_plateau():
    plateau = Plateau(10, 1, metric="val_miou", patience=0, gamma=0.5, threshold=0.1)
    factors = []
    for epoch, value in enumerate((0.5, 0.56, 0.6, 0.67), 1):  # 0.6: not by a tenth above 0.56
        plateau.epoch_end({"epoch": epoch, "val_miou": value})
        factors.append(plateau.factor(0))
    assert factors == [1, 1, 0.5, 0.5]


def test_a_new_metric_is_searched_in_its_direction(tmp_path):
    options = SearchOptions(objectives=("val_miou", "macs"))
    study = open_study(tmp_path, options, Space((), {}), optuna.samplers.RandomSampler())
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    with pytest.raises(ValueError, match="val_mio is not allowed; did you mean 'val_miou'"):
        SearchOptions(objectives=("val_mio",))


def test_progress_shows_a_new_metric():
    row = {"epoch": 1, "val_loss": 1.23456, "val_miou": 0.5, "train_loss": 2.0}
    assert _numbers(row, "val") == "val loss 1.2346 miou 50.0%"


def test_a_new_metric_is_listed_and_sorted(make_segmentation, tmp_path):
    make_segmentation(0.5)
    make_segmentation(0.7, state="interrupted")
    runs = ordered(read_runs(tmp_path), "val_miou")
    assert [(run.state, run.score) for run in runs] == [("interrupted", 0.7), ("done", 0.5)]
    table = as_table(runs)
    headings = [column.header for column in table.columns]
    assert headings[:5] == ["run", "status", "epoch", "val acc %", "val mean IoU %"]
    assert [str(cell) for cell in table.columns[4].cells] == ["70.0", "50.0"]


def test_a_new_metric_ranks_a_comparison(make_segmentation, tmp_path):
    for seed in (0, 1):
        make_segmentation(0.5 + 0.01 * seed, seed=seed, **{"model.name": "small"})
        make_segmentation(0.7 + 0.01 * (1 - seed), seed=seed, **{"model.name": "large"})
    comparison = compare([tmp_path])
    assert comparison.labels == ["large", "small"]
    assert list(comparison.table["test_miou"]) == pytest.approx([0.605, 0.405])
    lines = as_markdown(comparison).splitlines()
    assert lines[2].startswith("| model | n | test mean IoU % | val mean IoU % | params")
    assert lines[4].startswith("| large | 2 | 60.5 ± 0.7 ")
    assert "Mean IoU (%): mean ± SD" in "\n".join(lines)
    assert "+20.0 points of test mean IoU [" in comparison.verdicts[0]
    metric, loss = curves_figure(comparison).axes
    assert (metric.get_title(), metric.get_ylabel()) == ("Validation mean IoU", "Mean IoU (%)")
    assert list(metric.lines[0].get_ydata()) == pytest.approx([20, 70.5])
    assert (loss.get_title(), loss.get_ylabel()) == ("Validation loss", "Loss")
    params, _ = cost_figure(comparison).axes
    assert params.get_ylabel() == "Test mean IoU (%), ±1 SD over seeds"


def test_a_new_metric_is_not_ranked_with_accuracy(make_run, make_segmentation, tmp_path):
    make_run(test_acc=0.9)
    make_segmentation(0.5, **{"model.name": "small"})
    comparison = compare([tmp_path])
    assert comparison.metric is ACCURACY
    assert comparison.notes == [
        "1 run without accuracy left out (ranked by mean IoU): compare them separately"
    ]
