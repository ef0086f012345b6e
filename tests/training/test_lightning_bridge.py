"""What is not public in Lightning still does what the bridge stands on."""

import logging
import signal
import warnings

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from cnnlab.config.options import TrainerConfig
from cnnlab.training import lightning_bridge as bridge
from cnnlab.training.trainer import make_trainer


class Module(pl.LightningModule):
    """Two batches an epoch, optimised by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor) -> None:
        self.layer(batch).sum()

    def validation_step(self, batch: torch.Tensor) -> None:
        self.layer(batch).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Look(Callback):
    """Notes what Lightning says in each training batch and validation."""

    def __init__(self) -> None:
        self.fitting: list[tuple[str, bool]] = []
        self.steps: list[int] = []
        self.logged: list[int] = []
        self.epochs: list[int] = []

    def on_train_batch_start(self, trainer, *_) -> None:
        self.fitting.append(("train", bridge.is_fitting(trainer)))
        self.epochs.append(trainer.current_epoch)

    def on_train_batch_end(self, trainer, *_) -> None:
        bridge.set_optimizer_steps(trainer, 10 * (len(self.steps) + 1), logged=7)
        self.steps.append(trainer.global_step)
        self.logged.append(trainer.fit_loop.epoch_loop._batches_that_stepped)

    def on_validation_start(self, trainer, *_) -> None:
        self.fitting.append(("validation", bridge.is_fitting(trainer)))


def trainer_with(look: Look, epochs: int = 1) -> pl.Trainer:
    return make_trainer(TrainerConfig(accelerator="cpu"), epochs, callbacks=[look])


class Batches:
    """Two of them."""

    def __len__(self) -> int:
        return 2

    def __iter__(self):
        return iter([torch.ones(1, 1), torch.ones(1, 1)])


BATCHES = Batches()


def test_fitting_is_told_from_validating() -> None:
    look, module = Look(), Module()
    trainer = trainer_with(look)
    trainer.fit(module, BATCHES, BATCHES)
    assert look.fitting == [("train", True), ("train", True), ("validation", True)]
    trainer.validate(module, BATCHES, verbose=False)
    assert look.fitting[-1] == ("validation", False)


def test_global_step_is_what_was_set() -> None:
    look = Look()
    trainer = trainer_with(look)
    trainer.fit(Module(), BATCHES, BATCHES)
    assert look.steps == [10, 20]
    assert look.logged == [7, 7]
    assert trainer.global_step == 20


class Resumed(Module):
    def on_load_checkpoint(self, _) -> None:
        bridge.set_epochs_done(self.trainer, 2)

    def on_save_checkpoint(self, checkpoint) -> None:
        bridge.remove_loop_state(checkpoint)


def test_epochs_go_on_from_what_was_set_and_checkpoints_hold_no_counters(tmp_path) -> None:
    trainer = trainer_with(Look())
    trainer.fit(Resumed(), BATCHES, BATCHES)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert "loops" not in torch.load(tmp_path / "last.ckpt", weights_only=True)
    look = Look()
    trainer = trainer_with(look, epochs=4)
    trainer.fit(Resumed(), BATCHES, BATCHES, ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert look.epochs == [2, 2, 3, 3]
    assert trainer.current_epoch == 4


def test_a_scaler_is_found_where_there_is_one() -> None:
    trainer = trainer_with(Look())
    assert bridge.grad_scaler(trainer) is None
    scaler = torch.amp.GradScaler("cpu")
    plugin = pl.plugins.MixedPrecision("16-mixed", "cpu", scaler)
    trainer = pl.Trainer(accelerator="cpu", plugins=plugin, logger=False)
    assert bridge.grad_scaler(trainer) is scaler


@pytest.mark.parametrize(("verbose", "level"), [(False, logging.ERROR), (True, logging.INFO)])
def test_only_errors_are_heard_unless_asked(verbose: bool, level: int) -> None:
    with warnings.catch_warnings():
        bridge.silence(verbose=verbose)
        assert logging.getLogger("lightning.pytorch").level == level
        warnings.warn("Found 3 module(s) in eval mode at the start of training", stacklevel=1)
        warnings.warn("`isinstance(x, LeafSpec)` is deprecated", FutureWarning, stacklevel=1)


def test_signals_are_left_to_us() -> None:
    """Lightning puts handlers of its own in when it begins to train, and takes them out again."""
    seen = []

    class Seen(Callback):
        def on_train_start(self, *_) -> None:
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    for leave in (False, True):
        trainer = make_trainer(TrainerConfig(accelerator="cpu"), 1, callbacks=[Seen()])
        if leave:
            bridge.leave_signals(trainer)
        trainer.fit(Module(), BATCHES, BATCHES)
    assert [handler == before for handler in seen] == [False, True]
    assert signal.getsignal(signal.SIGTERM) == before
