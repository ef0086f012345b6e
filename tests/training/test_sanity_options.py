"""``trainer.overfit`` and ``trainer.profile``; resume with every option of this kind."""

import json
import math
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from fingerprints import MODEL_OPTIONS, _smallest_spec
from lightning.pytorch import Callback
from small_run import SPEC, SPLITS, assert_same_run

from cnnlab.app.compose import compose
from cnnlab.app.overrides import quote
from cnnlab.data.augmentations.color_jitter import ColorJitter
from cnnlab.data.augmentations.policies import RandAugment, TrivialAugment
from cnnlab.data.augmentations.random_erasing import RandomErasing
from cnnlab.data.dataset import overfit_splits, stratified_order
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.training.assemble import assemble
from cnnlab.training.limits import PROFILED
from cnnlab.training.optim import adam
from cnnlab.training.wiring import wire

AUGMENTATIONS = tuple(
    make(SPEC) for make in (RandAugment, TrivialAugment, ColorJitter, RandomErasing)
)
GROUPS = partial(adam, weight_decay=0.1, no_decay=("bias", "norm"), lr_factors={"6.*": 3.0})


class CrashError(Exception):
    pass


class CrashAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, *_) -> None:
        if trainer.global_step >= self.step:
            raise CrashError


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"registered": AUGMENTATIONS},
        {"optimizer": GROUPS, "val_every": 2},
        {"overfit": 2, "accumulate": 1},
        {"profile": True},
    ],
    ids=["augmentations", "parameter groups", "overfit", "profile"],
)
def test_resume_is_exact(run, options) -> None:
    whole = run("whole", **options).fit()
    broken = run("broken", every=6, chunk_steps=7, callbacks=(CrashAt(33),), **options)
    with pytest.raises(CrashError):
        broken.fit()
    broken.callbacks, broken.chunk_steps = (), 3
    broken.fit()
    first, second = (
        [{k: v for k, v in row.items() if not math.isnan(v)} for row in made.rows()]
        for made in (whole, broken)
    )
    assert first == second
    for made in (whole, broken):
        made.rows = list
    assert_same_run(whole, broken)


def test_augmentations_change_what_is_trained(run) -> None:
    plain, changed = run("a", epochs=1).fit(), run("b", epochs=1, registered=AUGMENTATIONS).fit()
    assert plain.rows()[0]["train_loss"] != changed.rows()[0]["train_loss"]


def test_overfit_repeats_the_same_batches_and_evaluates_them(run) -> None:
    made = run(epochs=2, overfit=3, accumulate=2, registered=AUGMENTATIONS).fit()
    count = 3 * 16
    chosen = stratified_order(SPLITS.train.labels)[:count]
    expected = SPLITS.train.select(chosen)
    for images in (made.data.splits.train, made.data.splits.val):
        assert torch.equal(images.pixels, expected.pixels)
    assert made.data.splits.test is SPLITS.test
    loader = made.data.train_dataloader()
    indices = torch.cat([chunk.indices for chunk in loader])  # (10, 2, 16)
    assert torch.equal(indices.flatten(), torch.arange(320) % count)
    inputs, _ = loader.batches(torch.arange(count))
    evaluated, _ = next(iter(made.data.val_dataloader()))
    assert torch.equal(inputs, evaluated)  # neither crop nor flip nor what is registered


@pytest.mark.slow
@pytest.mark.usefixtures("cnnlab")
def test_what_cannot_be_is_refused_in_one_line() -> None:
    for words, said in {
        "trainer.overfit=28": "trainer.overfit=28: the 3,500 training images are 27 batches of",
        "trainer.profile=true trainer.max_steps=7": "trainer.profile=true takes 8 optimiser steps",
        "debug=overfitt": "no debug 'overfitt'; did you mean 'overfit'?",
    }.items():
        with pytest.raises(CnnlabError) as refusal:
            compose(words.split())
        assert str(refusal.value).startswith(said)
    assert not compose(["debug=overfit"]).trainer.reads_test_set
    assert compose(["debug=one_batch"]).trainer.max_steps == 1


def test_a_profile_is_a_table_and_a_timeline_of_a_few_steps(run, capsys) -> None:
    made = run(epochs=1, profile=True).fit()
    table = (made.folder / "profile.txt").read_text()
    assert "aten::convolution" in table
    events = json.loads((made.folder / "profile_trace.json").read_text())["traceEvents"]
    assert sum(event.get("name") == "Optimizer.step#SGD.step" for event in events) == PROFILED
    assert "profile of 5 steps" in capsys.readouterr().err
    assert made.trainer.train_dataloader.chunk_steps == 50  # single steps no longer


@pytest.mark.parametrize(
    "options",
    [{"max_steps": 5}, {"callbacks": (CrashAt(6),)}],
    ids=["ended", "an error"],
)
def test_a_profile_of_fewer_steps_is_not_written(run, capsys, options) -> None:
    made = run(epochs=1, profile=True, **options)
    with pytest.raises(CrashError) if "callbacks" in options else nullcontext():
        made.fit()
    said = capsys.readouterr().err
    assert "profile of" not in said
    assert ("fewer than 8 steps were left" in said) == ("callbacks" not in options)
    assert not (made.folder / "profile.txt").exists()
    assert not (made.folder / "profile_trace.json").exists()


class StopBelow(Callback):
    """Ends the training once an epoch's training loss is below ``loss``."""

    def __init__(self, loss: float) -> None:
        self.loss = loss

    def on_train_epoch_end(self, trainer, module) -> None:
        trainer.should_stop = module.row["train_loss"] < self.loss


CLASSIFIERS = [entry.name for entry in MODELS if entry.task == "classify"]
SMALL_ENOUGH = {
    **MODEL_OPTIONS,
    "densenet": {"depth": 10},
    "vgg": {"depth": 11},
    "wide_resnet": {"depth": 10, "width": 2},
}
OPTIM = {
    "vgg": ["optim.lr=1e-4"],  # at Adam's 0.001 deep layers without normalisation die
    "airbench": ["optim.lr=0.01"],  # its logits are divided by 9
}


@pytest.mark.slow(4)
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.usefixtures("cnnlab")
def test_every_classifier_learns_two_batches_by_heart(name) -> None:
    """On its smallest images: the training loss, dropout included, falls below 0.05."""
    options = SMALL_ENOUGH.get(name, {})
    spec = _smallest_spec(MODELS[name], options)
    words = [f"model={name}", *(f"model.{key}={quote(value)}" for key, value in options.items())]
    words += ["data=synthetic", f"data.size={spec.height}", f"data.channels={spec.channels}"]
    words += ["data.num_train=160", "batch_size=8", "optim=adam", "schedule=constant"]
    words += ["trainer.overfit=2", "trainer.epochs=50", "trainer.accelerator=cpu"]
    words += OPTIM.get(name, [])
    config = compose(words)
    torch.manual_seed(0)
    parts = assemble(config)
    splits = overfit_splits(parts.dataset.load(), 2 * config.batch_size)
    wiring = wire(config, parts, splits, callbacks=[StopBelow(0.05)])
    wiring.trainer.fit(wiring.module, wiring.data)
    assert wiring.module.row["train_loss"] < 0.05, wiring.module.row
