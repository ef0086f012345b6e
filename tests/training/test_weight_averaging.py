"""EMA and SWA against torch.optim.swa_utils; what is validated, saved and continued with."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import Callback
from small_run import (
    SPEC,
    SPLITS,
    AccidentError,
    CrashAt,
    Run,
    assert_same,
    assert_same_run,
    images,
    network,
)
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from cnnlab.app.compose import compose
from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import Splits
from cnnlab.data.loading import datamodule
from cnnlab.data.loading.chunks import Position
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.registry import CnnlabError
from cnnlab.training.callback_options import ema, grad_norm, swa
from cnnlab.training.limits import refuse_short_average
from cnnlab.training.module import TrainingModule


class Reference(Callback):
    """torch's own average, of the same training."""

    def __init__(self, averaged: AveragedModel, *, every_step: bool, first_epoch: int = 1) -> None:
        self.averaged = averaged
        self.every_step = every_step
        self.first_epoch = first_epoch

    def on_train_start(self, _, module) -> None:
        if self.every_step:
            module.optimizer.register_step_post_hook(
                lambda *_: self.averaged.update_parameters(module.model)
            )

    def on_validation_start(self, _, module) -> None:  # before the average is exchanged
        if not self.every_step and module.position.epoch + 1 >= self.first_epoch:
            self.averaged.update_parameters(module.model)


def best_weights(made: Run) -> dict[str, torch.Tensor]:
    best = torch.load(made.checkpoints / "best.ckpt", weights_only=True)["state_dict"]
    return {name.removeprefix("model."): tensor for name, tensor in best.items()}


def test_ema_is_torchs(run) -> None:
    average = get_ema_multi_avg_fn(0.9)
    reference = AveragedModel(network(), multi_avg_fn=average, use_buffers=True)
    callback = ema(decay=0.9, warmup=False)
    made = run(epochs=2, callbacks=(Reference(reference, every_step=True), callback)).fit()
    plain = run("plain", epochs=2).fit()
    assert_same(dict(made.model.state_dict()), dict(plain.model.state_dict()))  # as without
    for name, tensor in dict(reference.module.named_parameters()).items():
        assert torch.equal(callback.averaged[name], tensor), name
    assert torch.equal(callback.averaged["1.running_var"], reference.module[1].running_var)
    assert callback.num_averaged == 40

    # Validated and kept is the average; it is tested, and what load_run and init.from read.
    inputs, labels = MemoryBatches(SPLITS.val, SPEC, "cpu")(torch.arange(90))
    loss = F.cross_entropy(reference.module.eval()(inputs), labels).item()
    assert made.rows()[1]["val_loss"] == pytest.approx(loss, rel=1e-6)
    assert made.rows()[1]["val_loss"] != plain.rows()[1]["val_loss"]
    assert made.rows()[1]["train_loss"] == plain.rows()[1]["train_loss"]
    last = torch.load(made.checkpoints / "last.ckpt", weights_only=True)
    for name, tensor in callback.averaged.items():
        assert torch.equal(last["state_dict"][f"model.{name}"], tensor)
        trained = last["trained_state_dict"][f"model.{name}"]
        assert torch.equal(trained, made.model.state_dict()[name])


def test_the_decay_warms_up() -> None:
    callback = ema(decay=0.5)
    decays = []
    for callback.num_averaged in (0, 1, 8, 9, 1000):
        decays.append(callback.decay_now())
    assert decays == pytest.approx([1 / 10, 2 / 11, 0.5, 0.5, 0.5])


@pytest.mark.slow
def test_swa_is_torchs(run) -> None:
    """The mean of epochs 3 and 4 of 4, with statistics of batch norm from the training images."""
    reference = AveragedModel(network())
    watch = Reference(reference, every_step=False, first_epoch=3)
    made = run(epochs=4, keep="last", callbacks=(watch, swa(start=0.5))).fit()
    plain = run("plain", epochs=4).fit()
    assert_same(dict(made.model.state_dict()), dict(plain.model.state_dict()))
    batches = MemoryBatches(SPLITS.train, SPEC, "cpu")
    update_bn([batches(torch.arange(331))[0]], reference.module)
    kept = best_weights(made)
    for name, tensor in reference.module.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(kept[name], tensor, rtol=1e-5, atol=1e-7), name
    rows = made.rows()
    assert [row["val_loss"] for row in rows[:2]] == [row["val_loss"] for row in plain.rows()[:2]]
    assert rows[3]["val_loss"] != plain.rows()[3]["val_loss"]


@pytest.mark.parametrize(
    ("count", "most", "sizes"),
    [
        (331, 1024, [331]),
        (1025, 1024, [513, 512]),
        (10, 4, [4, 3, 3]),
        (5, 2, [3, 2]),
        (3, 2, [3]),
        (1, 4, [1]),
    ],
)
def test_batch_norm_statistics_are_of_all_images_in_equal_batches(
    monkeypatch, count: int, most: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(datamodule, "eval_batch_size", lambda *_: most)
    train = images(count, 1)
    data = datamodule.ImageData(
        Splits(train, SPLITS.val, SPLITS.test, "0" * 12),
        SPEC,
        Position(20),
        batch_size=16,
        seed=0,
        max_eval_steps=1,  # of evaluations, not of these
    )
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(strategy=strategy, train_dataloader=None)
    inputs, labels = zip(*data.statistics_dataloader(), strict=True)
    assert [len(batch) for batch in inputs] == sizes
    assert torch.equal(torch.cat(labels), train.labels)
    every, _ = MemoryBatches(train, SPEC, "cpu")(torch.arange(count))
    assert torch.equal(torch.cat(inputs), every)


def test_batch_norm_statistics_are_of_the_images_on_the_device(monkeypatch) -> None:
    data = datamodule.ImageData(SPLITS, SPEC, Position(20), batch_size=16, seed=0)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(strategy=strategy, global_rank=0, world_size=1)
    data.trainer.train_dataloader = data.train_dataloader()
    on_device = data.trainer.train_dataloader.batches.images
    made = Mock(wraps=MemoryBatches)
    monkeypatch.setattr(datamodule, "MemoryBatches", made)
    _, labels = zip(*data.statistics_dataloader(), strict=True)
    assert torch.equal(torch.cat(labels), SPLITS.train.labels)
    assert on_device is not SPLITS.train
    assert made.call_args.args[0] is on_device


@pytest.mark.parametrize(("step", "said"), [(79, True), (80, False)])
def test_swa_says_where_no_epoch_was_averaged(capsys, monkeypatch, step: int, said: bool) -> None:
    """Epoch 4 of 4 with 20 steps each, cut short or not."""
    callback = swa(start=0.75)
    monkeypatch.setattr(callback, "average_in", lambda _: setattr(callback, "num_averaged", 1))
    monkeypatch.setattr(callback, "_estimate_batch_norm", lambda *_: None)
    module = object.__new__(TrainingModule)
    torch.nn.Module.__init__(module)
    module.model, module.position = network(), Position(20, epoch=3, step=step - 60)
    trainer = SimpleNamespace(max_epochs=4, is_global_zero=True)
    callback.on_train_batch_end(trainer, module)
    callback.on_train_end(trainer, module)
    line = (
        "callbacks=[swa]: no weights were averaged: training ended before an epoch beyond "
        "callbacks.swa.start=0.75 of 4 epochs was complete\n"
    )
    assert capsys.readouterr().err == (line if said else "")


@pytest.mark.usefixtures("cnnlab")
def test_swa_is_refused_where_max_steps_leaves_it_no_epoch() -> None:
    words = ["model=mlp", "data=synthetic", "data.num_train=64", "batch_size=16"]
    words += ["callbacks=[swa]", "trainer.epochs=4"]
    with pytest.raises(CnnlabError) as refusal:
        compose([*words, "trainer.max_steps=15"])
    assert str(refusal.value) == (
        "callbacks=[swa]: trainer.max_steps=15 ends within epoch 4, and callbacks.swa.start=0.75 "
        "averages no epoch before it; give trainer.max_steps=16 or a smaller start"
    )
    for start, total in ((0.75, 16), (0.5, 15), (0.75, 1)):  # the last a trial, as debug=one_batch
        refuse_short_average(RunConfig(*[{}] * 5, callbacks={"swa": {"start": start}}), 4, total)


@pytest.mark.parametrize(
    ("make", "step"),
    [(ema, 13), (ema, 33), (lambda: swa(start=0.3), 47)],
    ids=["in 1", "in 2", "swa"],
)
def test_resume_is_exact(run, make, step: int) -> None:
    options = {"every": 6, "gradient_clip": 0.5}
    whole = run("whole", callbacks=(make(), grad_norm()), **options).fit()
    crash = CrashAt("on_train_batch_end", step)
    broken = run("broken", chunk_steps=7, callbacks=(make(), grad_norm(), crash), **options)
    with pytest.raises(AccidentError):
        broken.fit()
    broken.callbacks, broken.chunk_steps = (make(), grad_norm()), 3
    broken.fit()
    assert_same_run(whole, broken)
    assert_same(best_weights(whole), best_weights(broken))


def test_a_longer_run_and_one_without_the_average_go_on_from_the_trained_weights(run) -> None:
    whole = run("whole", max_steps=47, callbacks=(swa(start=0.3),)).fit()
    parts = run("parts", max_steps=27, callbacks=(swa(start=0.3),)).fit()
    parts.max_steps, parts.callbacks = 47, (swa(start=0.3),)
    assert_same_run(whole, parts.fit())
    plain = run("plain", max_steps=47).fit()
    bare = run("bare", max_steps=27, callbacks=(ema(),)).fit()
    bare.max_steps, bare.callbacks = 47, ()
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        bare.fit()
    assert_same(dict(bare.model.state_dict()), dict(plain.model.state_dict()))


def test_the_norm_of_the_gradient_before_it_is_clipped(run) -> None:
    norms = []

    class Watch(Callback):
        def on_train_start(self, _, module) -> None:
            module.gradient_hooks.append(
                lambda parameters: norms.append(
                    torch.cat([p.grad.flatten() for p in parameters]).norm().item()
                )
            )

    options = {"epochs": 1, "accumulate": 2, "gradient_clip": 0.1}
    made = run(callbacks=(grad_norm(), Watch()), **options).fit()
    (row,) = made.rows()
    assert len(norms) == 10
    assert min(norms) > 0.1
    assert row["grad_norm"] == pytest.approx(sum(norms) / 10, rel=1e-5)
    assert row["grad_norm_max"] == pytest.approx(max(norms), rel=1e-6)
    plain = run("plain", **options).fit()
    assert_same(dict(made.model.state_dict()), dict(plain.model.state_dict()))
