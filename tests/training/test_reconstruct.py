"""Reconstruct: the error by hand, and a run of it as its user sees it."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import cnnlab as lab
from cnnlab.data.loading.chunks import Position
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.spec import ImageSpec
from cnnlab.training.module import TrainingModule
from cnnlab.training.optim import sgd
from cnnlab.training.schedule import Constant
from cnnlab.training.tasks.reconstruct import Reconstruct, ReconstructLoss

QUICK = ["data=synthetic", "data.num_train=200", "data.size=12", "batch_size=16"]
SMALL = ["model=autoencoder", "model.hidden=[16,8]"]
SPEC = ImageSpec(2, 1, 2, 10, mean=(0.5, 0.25), std=(0.5, 0.125))


def test_the_error_by_hand():
    """Pixels 0, 1 and 0.25, 0.5 against 0.5 everywhere: 0.25, 0.25, 0.0625 and 0, of four."""
    inputs = torch.tensor([[[[-1.0, 1.0]], [[0.0, 2.0]]]])
    loss, counts = ReconstructLoss(SPEC)(torch.full_like(inputs, 0.5), inputs, torch.empty(0))
    assert loss.item() == pytest.approx((0.25 + 0.25 + 0.0625) / 4)
    assert counts == []


def test_pixels_said_again_cost_nothing_whatever_they_were_normalised_by():
    pixels = torch.rand(3, 1, 4, 4)
    for mean, std in (((), ()), ((0.1307,), (0.3081,))):
        spec = ImageSpec(1, 4, 4, 10, mean=mean, std=std)
        inputs = (pixels - (mean or (0,))[0]) / (std or (1,))[0]
        assert ReconstructLoss(spec)(pixels, inputs, torch.empty(0))[0] < 1e-12


def test_a_weight_file_holds_the_model_alone():
    optimizer = sgd([nn.Parameter(torch.zeros(1))])
    task, model = Reconstruct(), nn.Linear(1, 1)
    criterion = task.criterion({"name": "mse"}, SPEC, torch.empty(0))
    parts = (task, criterion, model, optimizer, Constant(1, 1), Position(1))
    module = TrainingModule(*parts, seed=0)
    assert list(module.state_dict()) == ["model.weight", "model.bias"]


@pytest.fixture
def trained(cnnlab):
    """A run that has learnt a little, and what the command answered."""
    answer = cnnlab("train", *SMALL, *QUICK, "optim=adam", "optim.lr=0.01", "trainer.epochs=3")
    assert answer.code == 0, answer.err
    (run,) = find_runs(["runs"])
    return run, answer


@pytest.mark.slow
def test_a_run(trained, cnnlab):
    run, answer = trained
    result, metrics = run.result(), run.metrics()
    assert list(metrics) == [
        *("epoch", "step", "train_loss", "val_loss", "lr", "seconds", "images_per_second")
    ]
    assert metrics["val_loss"].iloc[-1] < metrics["val_loss"].iloc[0]
    assert not {"test_acc", "val_acc", "test_macro_f1"} & result.keys()
    assert result["val_loss"] == metrics["val_loss"].min()
    assert result["num_test"] == 200
    assert (result["task"], result["metric"]) == ("reconstruct", "val_loss")
    assert 0 < result["latency_seconds"] < 1
    assert not run.mistakes_file.exists()

    loaded = lab.load_run(run)
    test = loaded.dataset.load().test
    pixels = test.pixels / 255
    with torch.no_grad():
        error = F.mse_loss(loaded.model((pixels - 0.5) / 0.28), pixels).item()
    assert result["test_loss"] == pytest.approx(error, rel=1e-4)
    said = f"test error {error:.5f} per pixel"
    assert said in answer.out
    assert said in cnnlab("test", str(run)).out


@pytest.mark.slow
def test_a_run_s_picture_is_in_its_folder_and_in_tensorboard(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, _ = trained
    drawn = np.asarray(Image.open(run.picture_file("reconstructions")))
    assert drawn.std() > 10
    images, scalars = set(), set()
    for file in run.tensorboard_dir.glob("events*"):
        tags = EventAccumulator(str(file)).Reload().Tags()
        images |= set(tags["images"])
        scalars |= set(tags["scalars"])
    assert images == {"visualization/test_reconstructions"}
    assert scalars == {"train/loss", "train/lr", "val/loss", "wall_time/images_per_second"}
    assert not run.picture_file("confusion").exists()
    assert not run.outputs_file("logits").exists()


@pytest.mark.slow
def test_the_default_run_works(cnnlab):
    answer = cnnlab("train", "model=conv_autoencoder", "trainer=smoke")
    assert answer.code == 0
    row = json.loads(RunDir(answer.out.splitlines()[-1]).result_file.read_text())
    assert row["data"] == "mnist5k"
    assert 0 < row["test_loss"] < 1


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["last", pytest.param("val_loss", marks=pytest.mark.slow)])
def test_checkpoints_without_accuracy(cnnlab, kept):
    words = [*SMALL, *QUICK, "trainer.epochs=2", f"trainer.checkpoint={kept}", "schedule=plateau"]
    assert cnnlab("train", *words).code == 0
    (run,) = find_runs(["runs"])
    assert run.result()["best_epoch"] == 2


@pytest.mark.parametrize(
    "word",
    [
        "loss.label_smoothing=0.1",
        "loss.class_weights=balanced",
        "data.augment.mixup=0.2",
        "data.augment.cutmix=1.0",
        "trainer.checkpoint=val_acc",
    ],
)
def test_what_needs_classes_is_refused_by_name(cnnlab, word):
    answer = cnnlab("train", *SMALL, *QUICK, word)
    assert answer.code == 2
    assert f"{word}: model=autoencoder reconstructs pixels, without classes" in answer.err
    assert not find_runs(["runs"])


def test_a_plateau_of_accuracy_is_refused(cnnlab):
    words = ["schedule=plateau", "schedule.metric=val_acc"]
    assert "schedule.metric=val_acc: model=auto" in cnnlab("train", *SMALL, *QUICK, *words).err


def test_an_answer_of_another_size_is_refused(cnnlab, monkeypatch):
    from cnnlab.models import Autoencoder

    monkeypatch.setattr(Autoencoder, "forward", lambda self, images: self.encode(images))
    answer = cnnlab("train", *SMALL, *QUICK)
    assert "model=autoencoder gives (2, 8) for 2 images; pixels must be (2, 1, 12, 12)" in (
        answer.err
    )
