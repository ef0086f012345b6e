"""The learning rate range test: train while the learning rate grows, and see where the loss falls.

Smith 2017, Cyclical learning rates for training neural networks, section 3.3; the exponential
growth, the stop and the two suggestions are as in fastai and Lightning.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray

from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import Splits, overfit_splits
from cnnlab.data.loading.load import accelerator_device, load_images
from cnnlab.registry import CnnlabError
from cnnlab.training import transfer
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.data_init import init_from_images
from cnnlab.training.isolation import isolated
from cnnlab.training.lightning_bridge import keyboard_interrupt
from cnnlab.training.module import TrainingModule
from cnnlab.training.schedule import Schedule
from cnnlab.training.stopping import TrainingDivergedError
from cnnlab.training.wiring import wire

BETA = 0.9  # of the running mean that the stop is decided by
DIVERGED = 4  # times the lowest running mean: the loss has left for good
WINDOW = 50  # the smoothing's standard deviation is this part of the steps
CLIP = 1.5  # times the first losses: what is above counts no more in the smoothing
REBOUND = 0.2  # of the whole fall: where the smoothed loss rises by more, what follows is ignored
LEAST_FALL = 0.02  # of the loss, below which nothing was learnt

Step = Callable[[int, float, float], None]  # steps done, learning rate, running mean of the loss


@dataclass(frozen=True)
class RangeTest:
    """The loss at each learning rate.

    Attributes:
        lrs: learning rates, rising.
        losses: the training loss of the step at each of them, before its update.
        ended: why the test ended before its last step; empty where it did not.
    """

    lrs: Sequence[float]
    losses: Sequence[float]
    ended: str = ""

    @property
    def smoothed(self) -> NDArray[np.float64]:
        """The losses under a Gaussian window, centred, so that no fall is shown late."""
        losses = np.asarray(self.losses, np.float64)
        start = losses[: _spread(losses)].mean()
        losses = np.minimum(losses, start + (CLIP - 1) * abs(start))
        steps = np.arange(len(losses))
        weights = np.exp(-(((steps - steps[:, None]) / _spread(losses)) ** 2) / 2)
        found: NDArray[np.float64] = weights @ losses / weights.sum(1)
        return found

    @property
    def lowest(self) -> int:
        """The step with the lowest smoothed loss before it rises again after a fall."""
        smoothed = self.smoothed
        rise = smoothed - np.minimum.accumulate(smoothed)
        fallen = smoothed[0] - np.minimum.accumulate(smoothed) >= LEAST_FALL * abs(smoothed[0])
        rises = fallen & (rise > REBOUND * (smoothed[0] - smoothed.min()))
        end = int(rises.argmax()) if rises.any() else len(rises)
        return int(smoothed[:end].argmin())

    @property
    def steepest(self) -> int | None:
        """The step at which the smoothed loss falls most per decade; None where it does not fall.

        Of the steps before the lowest loss.
        """
        smoothed = self.smoothed
        if smoothed[0] - smoothed[self.lowest] < LEAST_FALL * abs(smoothed[0]) or self.lowest < 2:
            return None
        slope = np.gradient(smoothed, np.log10(self.lrs))
        return int(slope[: self.lowest].argmin())

    @property
    def suggestions(self) -> tuple[float, float] | None:
        """The learning rate of the steepest fall, and a tenth of that of the lowest loss."""
        if self.steepest is None:
            return None
        return self.lrs[self.steepest], self.lrs[self.lowest] / 10


def _spread(losses: NDArray[np.float64]) -> int:
    """The standard deviation of the smoothing, in steps."""
    return max(1, len(losses) // WINDOW)


class Exponential(Schedule):
    """A learning rate that grows from ``lowest`` to ``highest`` by the same factor at each step."""

    def __init__(self, base: float, lowest: float, highest: float, steps: int) -> None:
        super().__init__(steps, steps)
        self.base, self.lowest, self.highest = base, lowest, highest

    def factor(self, step: int) -> float:
        return self.lr(step) / self.base

    def lr(self, step: int) -> float:
        """The learning rate itself."""
        last = self.total_steps - 1
        return float(self.lowest * (self.highest / self.lowest) ** (step / last))


class Recorder(Callback):
    """Notes each step's loss, and ends the training once the loss has diverged."""

    every_batch = True

    def __init__(self, schedule: Exponential, on_step: Step) -> None:
        self.schedule, self.on_step = schedule, on_step
        self.losses: list[float] = []
        self.ended = ""
        self._mean, self._best = 0.0, math.inf

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        [[loss, *_counts]] = pl_module.measured
        self.losses.append(loss)
        done = len(self.losses)
        self._mean = BETA * self._mean + (1 - BETA) * loss
        mean = self._mean / (1 - BETA**done)
        self._best = min(self._best, mean)
        lr = self.schedule.lr(done - 1)
        self.on_step(done, lr, mean)
        if mean > DIVERGED * self._best:
            self.ended = f"the loss diverged at {lr:.3g}"
            trainer.should_stop = True


@isolated()
def lr_range_test(
    config: RunConfig,
    lowest: float,
    highest: float,
    steps: int,
    on_step: Step = lambda *_: None,
) -> RangeTest:
    """Train from the run's initial weights, as the run would; leave nothing behind.

    On one device, whatever ``trainer.devices``; without validation, without the config's callbacks
    and its schedule. The test images are not used.

    Args:
        config: checked, with ``optim.lr`` as a number.
        lowest, highest: learning rates of the first and the last step.
        steps: optimiser steps, from 2 on.
        on_step: called after each of them.

    Raises:
        CnnlabError: images cannot be read, or the first loss is not finite.
        KeyboardInterrupt: Ctrl-C.
    """
    trainer_options = dataclasses.replace(
        config.trainer,
        devices=1,
        nodes=1,
        sync_batchnorm=False,
        compile=False,  # which takes longer than a few steps
        max_steps=steps,
        max_time=None,
        checkpoint_every=None,
    )
    pl.seed_everything(config.seed, workers=False, verbose=False)
    parts = assemble(config)
    device = accelerator_device(config.trainer.accelerator)
    splits = load_images(parts.dataset, device)
    if splits.num_broken:  # as ``run`` does: fewer images, fewer steps
        pl.seed_everything(config.seed, workers=False, verbose=False)
        parts = assemble(config, dataset=parts.dataset)
    init_from_images(parts.model, splits.train, parts.dataset.spec, device)
    if config.init.from_ is not None:
        found = transfer.start(parts.model, config.init, parts.head)
        parts.model.load_state_dict(found.weights, strict=False)
    config = dataclasses.replace(parts.config, trainer=trainer_options)
    return _test(config, parts, _used(config, splits), (lowest, highest), on_step)


def _used(config: RunConfig, splits: Splits) -> Splits:
    overfit = config.trainer.overfit
    return splits if overfit is None else overfit_splits(splits, overfit * config.batch_size)


def _test(
    config: RunConfig, parts: Assembly, splits: Splits, ends: tuple[float, float], on_step: Step
) -> RangeTest:
    """Train the wired parts under a rising learning rate."""
    steps = config.trainer.max_steps
    assert steps is not None
    base = float(config.optim.get("lr") or parts.optimizer.param_groups[0]["lr"])
    schedule = Exponential(base, *ends, steps)
    recorder = Recorder(schedule, on_step)
    epochs = math.ceil(steps / parts.steps_per_epoch)
    tested = dataclasses.replace(parts, schedule=schedule, total_steps=steps, epochs=epochs)
    wiring = wire(config, tested, splits, callbacks=[recorder])
    wiring.trainer.limit_val_batches = 0
    wiring.module.is_validated = False
    ended = ""
    try:
        with keyboard_interrupt(wiring.trainer):
            wiring.trainer.fit(wiring.module, wiring.data)
    except TrainingDivergedError as error:
        if not recorder.losses:
            raise CnnlabError(
                f"the first loss is not finite: learning rates do not matter yet ({error})"
            ) from error
        ended = f"the loss was no longer finite at {schedule.lr(len(recorder.losses)):.3g}"
    lrs = [schedule.lr(step) for step in range(len(recorder.losses))]
    return RangeTest(lrs, recorder.losses, ended or recorder.ended)
