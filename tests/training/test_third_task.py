"""A third task is one file: registered, it is trained, stopped, tested, loaded and evaluated."""

import sys
from pathlib import Path

import pytest
import torch

from cnnlab.inference.evaluate import evaluate
from cnnlab.inference.load import load_run
from cnnlab.metrics import METRICS
from cnnlab.registry import MODELS, TASKS, CnnlabError
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.task import Task, task_named

MODULE = '''
"""How bright an image is: one number in 0..1, the mean of its pixels."""

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

from cnnlab.metrics import METRICS, Metric
from cnnlab.registry import MODELS, TASKS, CnnlabError
from cnnlab.task import Task

METRICS["closeness"] = Metric("closeness", "close", higher_is_better=True, format=".3f")


@TASKS.register("brightness")
class Brightness(Task):
    name = "brightness"
    counts = ("close",)
    metric = "val_close"
    output = "estimates"
    max_kept = 8
    picture = "estimates"

    def check(self, config):
        if config["loss"]["label_smoothing"]:
            raise CnnlabError("loss.label_smoothing has no labels to smooth")

    def output_shape(self, spec, n):
        return n, 1

    def criterion(self, loss, spec, labels):
        return BrightnessLoss(spec)

    def scores(self, outputs, labels):
        return {"test_largest": float(outputs.max())}

    def draw(self, outputs, pixels, labels, spec, run):
        figure = Figure()
        figure.subplots().plot(pixels.float().mean((1, 2, 3)) / 255, outputs[:, 0], ".")
        return figure


class BrightnessLoss(nn.Module):
    def __init__(self, spec):
        super().__init__()
        mean, std = spec.normalisation()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, outputs, inputs, targets):
        truth = (inputs * self.std + self.mean).mean((1, 2, 3))
        error = outputs[:, 0] - truth
        return F.mse_loss(outputs[:, 0], truth), [(error.abs() < 0.02).sum()]


@MODELS.register("linear_meter", task="brightness")
class LinearMeter(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(spec.num_features, 1))

    def forward(self, images):
        return self.layers(images)
'''
QUICK = ["data=synthetic", "data.num_train=200", "data.size=8", "batch_size=20", "optim=adam"]
WORDS = ["--import", "meter", "model=linear_meter", *QUICK]


@pytest.fixture(autouse=True)
def meter(cnnlab, monkeypatch: pytest.MonkeyPatch):  # noqa: ARG001  (in its folder)
    Path("meter.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    with TASKS.temporary(), MODELS.temporary():
        yield
    METRICS.pop("closeness", None)
    sys.modules.pop("meter", None)


def trained(cnnlab, *words: str) -> tuple[RunDir, str]:
    answer = cnnlab("train", *WORDS, *words)
    assert answer.code == 0, answer.err
    (run,) = find_runs(["runs"])
    return run, answer.out + answer.err


def test_it_is_trained_tested_and_loaded(cnnlab) -> None:
    run, said = trained(cnnlab, "optim.lr=0.01", "trainer.epochs=4")
    metrics, result = run.metrics(), run.result()
    assert list(metrics.columns[2:6]) == ["train_loss", "train_close", "val_loss", "val_close"]
    assert (result["task"], result["metric"]) == ("brightness", "val_close")
    best = metrics.loc[metrics["val_close"].idxmax()]  # the first of the highest
    assert result["best_epoch"] == best["epoch"]
    assert result["val_close"] == best["val_close"]
    assert "test_acc" not in result
    assert (run.path / "estimates.png").is_file()
    assert not list(run.path.glob("test_*.npz"))  # only where all outputs are kept
    assert "val loss" in said
    assert "close " in said

    loaded = load_run(run)
    images = loaded.dataset.load().test
    pixels = images.pixels / 255
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in loaded.dataset.spec.normalisation())
    with torch.no_grad():
        estimates = loaded.model((pixels - mean) / std)[:, 0]
    error = estimates - pixels.mean((1, 2, 3))
    assert result["test_loss"] == pytest.approx((error**2).mean().item(), rel=1e-4)
    assert result["test_close"] == (error.abs() < 0.02).sum().item() / len(images)
    again = evaluate(run)
    for name in ("test_loss", "test_close", "test_largest", "num_test", "best_epoch"):
        assert again[name] == pytest.approx(result[name], rel=1e-4), name
    kept = torch.linspace(0, len(images) - 1, 8).long()
    assert result["test_largest"] == pytest.approx(estimates[kept].max().item(), rel=1e-4)


def test_it_stops_early_by_its_own_metric(cnnlab) -> None:
    """With a learning rate of nearly 0 nothing improves after the first epoch."""
    words = ["optim.lr=1e-12", "trainer.early_stopping=2", "trainer.epochs=9"]
    run, _ = trained(cnnlab, *words)
    assert list(run.metrics()["epoch"]) == [1, 2, 3]
    assert run.result()["best_epoch"] == 1


def test_it_refuses_what_means_nothing_to_it(cnnlab) -> None:
    answer = cnnlab("train", *WORDS, "loss.label_smoothing=0.1")
    assert answer.code == 2
    assert "loss.label_smoothing has no labels to smooth" in answer.err


def test_a_metric_of_another_task_is_refused(cnnlab) -> None:
    answer = cnnlab("train", *WORDS, "trainer.checkpoint=val_acc")
    assert answer.code == 2
    assert "model=linear_meter allows val_close and val_loss" in answer.err
    assert not Path("runs").exists()


def test_an_output_of_another_shape_is_refused(cnnlab) -> None:
    text = MODULE.replace("nn.Linear(spec.num_features, 1)", "nn.Linear(spec.num_features, 3)")
    Path("meter.py").write_text(text)
    answer = cnnlab("train", *WORDS)
    assert "model=linear_meter gives (2, 3) for 2 images; estimates must be (2, 1)" in answer.err


def test_an_unknown_task_is_refused_by_name(cnnlab) -> None:
    Path("meter.py").write_text(MODULE.replace('task="brightness"', 'task="brightnes"'))
    answer = cnnlab("train", *WORDS)
    assert answer.code == 2
    assert "no task 'brightnes'; did you mean 'brightness'?" in answer.err


def test_a_metric_that_is_in_no_table_is_refused() -> None:
    class Other(Task):
        counts = ("closenes",)

        def output_shape(self, *_):
            raise NotImplementedError

        def criterion(self, *_):
            raise NotImplementedError

    TASKS.register("other")(Other)
    with pytest.raises(CnnlabError, match="no metric has the column 'val_closenes'"):
        task_named("other")
