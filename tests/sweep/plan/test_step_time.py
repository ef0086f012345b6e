"""Steps measured for an estimate are steps of the real loop, on noise, and leave nothing behind."""

import dataclasses
import math
import os
from pathlib import Path

import pytest
import torch

from cnnlab.app.compose import compose
from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import ImageDataset
from cnnlab.sweep.plan import step_time
from cnnlab.sweep.plan.step_time import StepTime, measure_step
from cnnlab.training import module
from cnnlab.training.assemble import preflight

SMALL = ("data=digits", "data.size=8", "model=mlp", "model.hidden=[4]", "batch_size=16")
FOREVER = 1000.0  # seconds


class Watch:
    """What passes through the training loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.batches: set[tuple[int, int]] = set()  # micro-batches of a step, images of each
        self.moved: list[bool] = []
        self.autocast = False
        real = module.train_steps

        def watched(chunk, measure, optimizer, learning_rates, **options):
            weights = [p for group in optimizer.param_groups for p in group["params"]]
            before = [p.detach().clone() for p in weights]
            result = real(chunk, measure, optimizer, learning_rates, **options)
            pairs = zip(before, weights, strict=True)
            self.moved.append(any(not torch.equal(old, new) for old, new in pairs))
            self.steps += len(chunk.indices)
            self.batches.add(tuple(chunk.indices.shape[1:]))
            self.augment = chunk.batches.augment
            self.pixels = chunk.batches.pixels
            self.autocast = torch.is_autocast_enabled("cpu")
            return result

        monkeypatch.setattr(module, "train_steps", watched)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def measured(*words: str, most_steps: int = 7, seconds: float = FOREVER) -> StepTime:
    config = compose([*SMALL, *words])
    return measure_step(config, preflight(config)[1].macs, seconds=seconds, most_steps=most_steps)


def test_takes_as_many_steps_as_it_is_given(watch):
    taken = measured(most_steps=7)
    assert watch.steps == 7
    assert taken.measured == 6  # the first is to warm up
    assert taken.step > 0
    assert taken.evaluation > 0
    assert math.isfinite(taken.step + taken.evaluation)
    assert taken.device == "cpu"


def test_goes_on_over_several_epochs(watch):
    measured("data.subset=32", most_steps=9)  # 2 steps an epoch
    assert watch.steps == 9


def test_takes_one_step_after_the_first_however_little_time_there_is(watch):
    assert measured(seconds=1e-9).measured >= 1
    assert 2 <= watch.steps <= 3


def test_steps_are_real_ones(watch):
    measured()
    assert all(watch.moved)


def test_accumulating_doubles_the_images_of_a_step(watch):
    measured("trainer.accumulate=2")
    assert watch.batches == {(2, 16)}


def test_several_devices_share_a_batch(watch):
    config = compose([*SMALL])
    trainer = dataclasses.replace(config.trainer, devices=2)
    measure_step(dataclasses.replace(config, trainer=trainer), 1, most_steps=2)
    assert watch.batches == {(1, 8)}


def test_augmentation_and_precision_are_the_runs_own(watch):
    measured("data.augment.crop=1", "trainer.precision=bf16")
    assert watch.augment.crop == 1
    assert watch.autocast


@pytest.mark.slow
def test_images_are_noise_and_no_data_set_is_read(watch, monkeypatch):
    def load(_: ImageDataset) -> None:
        raise AssertionError("the data set was read")

    monkeypatch.setattr("cnnlab.data.sets.cifar.CIFAR10.load", load)
    config = compose(["data=cifar10", *SMALL[2:]])
    measure_step(config, preflight(config)[1].macs, seconds=FOREVER, most_steps=2)
    assert watch.pixels.shape[1:] == (3, 32, 32)
    assert watch.pixels.unique().numel() == 256


def test_what_would_take_long_is_measured_in_part(watch, monkeypatch):
    config = compose([*SMALL, "trainer.accumulate=4"])
    macs = preflight(config)[1].macs
    # Two images forth and back, on each thread.
    monkeypatch.setattr(step_time, "MAX_MACS", 2 * 3 * macs)
    monkeypatch.setattr(step_time.Clock, "mean", staticmethod(lambda _: (1.0, 1)))
    taken = measure_step(config, macs, threads=2, most_steps=2)
    assert watch.batches == {(1, 4)}
    assert taken.step == 4 * 16 / 4  # each step that was timed is 4 of its 64 images


def test_a_learning_rate_too_large_for_noise_does_not_matter(watch):
    measured("optim.lr=1e9", most_steps=20)
    assert watch.steps == 20


@pytest.mark.parametrize("word", ["model=autoencoder", "loss.class_weights=balanced"])
def test_other_tasks_and_losses_are_measured_too(word):
    config = compose(["data=digits", "model=mlp", "batch_size=16", word])
    taken = measure_step(config, preflight(config)[1].macs, seconds=FOREVER, most_steps=3)
    assert taken.measured == 2


def state() -> list[object]:
    return [
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        dict(os.environ),
    ]


def test_leaves_nothing_behind(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = state()
    config: RunConfig = compose([*SMALL, "trainer.deterministic=true", "seed=7"])
    measure_step(config, 1, threads=2, most_steps=3)
    assert state() == before
    assert not list(tmp_path.rglob("*"))
