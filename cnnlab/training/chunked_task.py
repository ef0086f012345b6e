"""Training in chunks of optimiser steps under Lightning, resumable after any of them.

Lightning sees one training step per chunk; ``loop.train_steps`` does the work. A checkpoint holds
the weights, the optimiser and the position with the sums of the unfinished epoch. Lightning's own
counters are not restored but set from the position, so its rules for restarting never come in.
"""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.data.loading.chunks import Chunk, Position
from cnnlab.registry import CnnlabError
from cnnlab.training.loop import train_steps
from cnnlab.training.schedule import Schedule


class TrainingDivergedError(CnnlabError):
    """The loss is no longer a number; ``step`` is the optimiser step that gave it, 0-based."""

    def __init__(self, loss: float, epoch: int, step: int) -> None:
        super().__init__(
            f"training diverged: loss {loss} in epoch {epoch + 1} at step {step}; "
            "try a lower optim.lr or trainer.gradient_clip=1"
        )
        self.step = step
        self._arguments = (loss, epoch, step)

    def __reduce__(self) -> tuple[type["TrainingDivergedError"], tuple[float, int, int]]:
        return type(self), self._arguments


@dataclass
class RunningMeans:
    """Plain numbers, so that a checkpoint can hold an unfinished epoch's.

    Args:
        names: what is summed: ``loss``, and counts such as ``acc``, the right answers.
    """

    names: tuple[str, ...]
    images: int = 0
    sums: list[float] = field(default_factory=list)
    began: float = 0.0  # Position.seconds at the first step
    train_seconds: float = 0.0  # spent on training steps alone

    def __post_init__(self) -> None:
        self.sums = self.sums or [0.0] * len(self.names)

    def add(self, values: Sequence[float], images: int) -> None:
        """Enter one batch: its mean loss, then its counts."""
        loss, *counts = values
        for place, value in enumerate((loss * images, *counts)):
            self.sums[place] += value
        self.images += images

    def means(self, prefix: str) -> dict[str, float]:
        """Per image: ``{prefix}_loss``, ``{prefix}_acc`` and so on."""
        return {
            f"{prefix}_{name}": total / self.images
            for name, total in zip(self.names, self.sums, strict=True)
        }


class ChunkedTask(pl.LightningModule):
    """Trains ``model`` from ``position`` on. A subclass states the loss and what else to count.

    Attributes:
        counts: names of the sums that ``loss_and_counts`` gives beside the loss.
        row: the last epoch's row of metrics.csv.
        running: means of the epoch so far, ``train_loss`` and so on.
        test_metrics: ``test_loss`` and so on, after testing.
    """

    counts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: Schedule,
        position: Position,
        *,
        seed: int,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.position = position
        self.seed = seed
        self.gradient_clip = gradient_clip
        self.row: dict[str, float] = {}
        self.test_metrics: dict[str, float] = {}
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self._means = self._new_means()
        self._evaluated: list[tuple[Tensor, int]] = []

    def loss_and_counts(
        self, outputs: Tensor, inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The mean loss (), to be minimised, and each of ``counts`` summed over the batch."""
        raise NotImplementedError

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer

    @property
    def running(self) -> dict[str, float]:
        return self._means.means("train")

    # Training

    def on_train_start(self) -> None:
        self._clock = time.perf_counter()
        if self.position.finished:
            self.trainer.should_stop = True

    def training_step(self, chunk: Chunk) -> None:
        """Train the steps of one chunk.

        Raises:
            TrainingDivergedError: one of them had a loss that is not finite.
        """
        first, steps = self.position.global_step, len(chunk.indices)
        measured = train_steps(
            chunk,
            self._train_loss,
            self.optimizer,
            [self.schedule.factor(step) for step in range(first, first + steps)],
            seed=self.seed,
            gradient_clip=self.gradient_clip,
            scaler=getattr(self.trainer.precision_plugin, "scaler", None),
        ).tolist()  # the chunk's only wait for the device
        images = chunk.indices[0].numel() * self.trainer.world_size
        for step, values in enumerate(measured):
            if not math.isfinite(values[0]):
                raise TrainingDivergedError(values[0], self.position.epoch, first + step)
            self._means.add(values, images)
        self.position.step += steps
        self._tick()
        self._means.train_seconds = self.position.seconds - self._means.began
        self._set_lightning_step(self.position.global_step - 1)  # it adds one itself, later

    def on_validation_epoch_end(self) -> None:
        if self.trainer.state.fn != TrainerFn.FITTING:
            return
        validation = self._evaluation("val")
        self._tick()
        self.row = {
            "epoch": self.position.epoch + 1,
            "step": self.position.global_step,
            **self.running,
            **validation,
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": self.position.seconds - self._means.began,
            "images_per_second": self._means.images / self._means.train_seconds,
        }

    def on_train_epoch_end(self) -> None:
        # An epoch cut short by max_steps or max_time stays open, for a longer run to go on with.
        if self.position.step == self.position.steps_per_epoch:
            self.schedule.epoch_end(self.row)
            self.position.epoch += 1
            self.position.step = 0
            self._means = self._new_means()
        if self.position.finished:
            self.trainer.should_stop = True

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        self._evaluated.clear()

    def on_test_epoch_start(self) -> None:
        self._evaluated.clear()

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self._evaluate(*batch)

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self._evaluate(*batch)

    def on_test_epoch_end(self) -> None:
        self.test_metrics = self._evaluation("test")

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        del checkpoint["loops"]
        position = self.position
        checkpoint["epoch"] = position.epoch
        checkpoint["position"] = {
            "steps_per_epoch": position.steps_per_epoch,
            "epoch": position.epoch,
            "step": position.step,
            "seconds": position.seconds,
        }
        checkpoint["tally"] = {**dataclasses.asdict(self._means), "names": list(self._means.names)}
        checkpoint["schedule"] = self.schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.trainer.state.fn != TrainerFn.FITTING:  # testing takes the weights alone
            return
        saved = checkpoint["position"]
        if saved["steps_per_epoch"] != self.position.steps_per_epoch:
            raise CnnlabError(
                f"the checkpoint's epochs have {saved['steps_per_epoch']} steps and this run's "
                f"{self.position.steps_per_epoch}: batch_size, accumulate and data must stay"
            )
        for name, value in saved.items():
            setattr(self.position, name, value)
        self._means = RunningMeans(
            **{**checkpoint["tally"], "names": tuple(checkpoint["tally"]["names"])}
        )
        self.schedule.load_state_dict(checkpoint["schedule"])
        epochs = self.trainer.fit_loop.epoch_progress.current
        epochs.completed = self.position.epoch
        epochs.processed = self.position.epoch  # type: ignore[attr-defined]
        self._set_lightning_step(self.position.global_step)

    def _set_lightning_step(self, batches_that_stepped: int) -> None:
        """Make ``trainer.global_step`` count optimiser steps, where Lightning counts chunks."""
        loop = self.trainer.fit_loop.epoch_loop
        loop.manual_optimization.optim_step_progress.total.completed = self.position.global_step
        loop._batches_that_stepped = batches_that_stepped

    # The rest

    def _train_loss(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self.loss_and_counts(self.model(inputs), inputs, targets)

    def _evaluate(self, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs: Tensor = self.model(inputs)
        loss, counts = self.loss_and_counts(outputs, inputs, targets)
        self._evaluated.append((torch.stack([loss, *counts]), len(inputs)))
        return outputs

    def _evaluation(self, prefix: str) -> dict[str, float]:
        tally = self._new_means()
        for values, images in self._evaluated:
            tally.add(values.tolist(), images)
        return tally.means(prefix)

    def _new_means(self) -> RunningMeans:
        return RunningMeans(("loss", *self.counts), began=self.position.seconds)

    def _tick(self) -> None:
        """Add the time since the last tick to the position: one time for all devices."""
        now = time.perf_counter()
        self.position.seconds += self.trainer.strategy.broadcast(now - self._clock)
        self._clock = now
