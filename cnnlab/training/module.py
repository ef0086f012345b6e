"""Training in chunks of optimiser steps under Lightning, resumable after any of them.

Lightning sees one training step per chunk; ``loop.train_steps`` does the work. A checkpoint holds
the weights, the optimiser and the position with the sums of the unfinished epoch. Lightning's own
counters are set from the position, so its rules for restarting never come in.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.data.loading.chunks import Chunk, Position
from cnnlab.data.loading.datamodule import EvalLoader
from cnnlab.registry import CnnlabError
from cnnlab.runs.checkpoint_file import use_trained_weights
from cnnlab.task import Task
from cnnlab.training import lightning_bridge, optimizer_state
from cnnlab.training.data_parallel import DataParallel
from cnnlab.training.evaluation import Evaluation
from cnnlab.training.loop import GradientHook, LossAndCounts, train_steps
from cnnlab.training.running_means import RunningMeans
from cnnlab.training.schedule import Schedule
from cnnlab.training.stopping import TrainingDivergedError

SUMS = "tally"  # the key of RunningMeans in checkpoints, also of the first edition


class TrainingModule(pl.LightningModule):
    """Trains ``model`` for ``task`` from ``position`` on.

    Args:
        criterion: the task's own; gives the loss and what is counted beside it.
        metrics: what else is measured in validation and test.

    Attributes:
        step_pass: what a training step computes of a batch: ``loss_and_counts``, or it compiled.
        gradient_hooks: called with the parameters at every step, before gradients are clipped.
        row_hooks: called at the end of each epoch; what they return are columns of its row.
        row: the last epoch's row of metrics.csv.
        is_validated: whether that epoch is validated: not all are, by ``trainer.val_every``.
        running: means of the epoch so far, ``train_loss`` and so on.
        measured: of each step of the last chunk, its loss and its counts.
        test_metrics: ``test_loss`` and so on, after testing.
        num_tested: images, after testing.
        test_outputs: float32 (M, ...), on the CPU: those of the test images that the task keeps.
        test_indices: int64 (M,): which they are.
    """

    def __init__(
        self,
        task: Task,
        criterion: nn.Module,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: Schedule,
        position: Position,
        *,
        seed: int,
        gradient_clip: float | None = None,
        metrics: ExtraMetrics | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.task, self.criterion, self.model = task, criterion, model
        self.optimizer, self.schedule, self.position = optimizer, schedule, position
        self.seed, self.gradient_clip = seed, gradient_clip
        self.step_pass: LossAndCounts = self.loss_and_counts
        self.gradient_hooks: list[GradientHook] = []
        self.row_hooks: list[Callable[[], dict[str, float]]] = []
        self.row, self.test_metrics = dict[str, float](), dict[str, float]()
        self.is_validated = True
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self._optimizer_options = optimizer_state.group_options(optimizer)
        self.measured: list[list[float]] = []
        self._means = self._new_means()
        self._evaluation = Evaluation(task.counts, metrics or ExtraMetrics())
        self._kept: list[Tensor] = []
        self._parallel: DataParallel | None = None  # with several devices, while training

    def loss_and_counts(self, inputs: Tensor, targets: Tensor) -> Any:
        """The mean loss () of a batch, and each of the task's counts summed over it."""
        return self.criterion((self._parallel or self.model)(inputs), inputs, targets)

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer

    @property
    def running(self) -> dict[str, float]:
        return self._means.means("train")

    def restart_clock(self) -> None:
        """Leave out the time since the last step or evaluation: a checkpoint was saved."""
        self._clock = time.perf_counter()

    # Training

    def on_train_start(self) -> None:
        if self.trainer.world_size > 1:
            self._parallel = DataParallel(self.model)
        self.restart_clock()
        if self.position.finished:
            self.trainer.should_stop = True

    def training_step(self, chunk: Chunk) -> None:
        """Train the steps of one chunk.

        Raises:
            TrainingDivergedError: one of them had a loss that is not finite.
        """
        if self._parallel is not None:
            self._parallel.refresh()
        first, steps = self.position.global_step, len(chunk.indices)
        self.measured = train_steps(
            chunk,
            self.step_pass,
            self.optimizer,
            [self.schedule.factor(step) for step in range(first, first + steps)],
            seed=self.seed,
            gradient_clip=self.gradient_clip,
            gradient_hooks=self.gradient_hooks,
            scaler=lightning_bridge.grad_scaler(self.trainer),
            image_weights=getattr(self.criterion, "image_weights", None),
            parallel=self._parallel,
        ).tolist()  # the chunk's only wait for the device
        images = chunk.indices[0].numel() * self.trainer.world_size
        for step, values in enumerate(self.measured):
            if not math.isfinite(values[0]):
                raise TrainingDivergedError(values[0], self.position.epoch, first + step)
            self._means.add(values, images)
        self.position.step += steps
        self._means.train_seconds += self._tick()
        done = self.position.global_step  # Lightning adds one to what it logs under, later
        lightning_bridge.set_optimizer_steps(self.trainer, done, logged=done - 1)

    def on_validation_epoch_end(self) -> None:
        if lightning_bridge.is_fitting(self.trainer):
            self.set_row(self._evaluation.columns("val"))

    def set_row(self, validation: dict[str, float]) -> None:
        """Enter the row of the epoch that ends, with these validation columns."""
        self._tick()
        row: dict[str, float] = {
            "epoch": self.position.epoch + 1,
            "step": self.position.global_step,
            **self.running,
            **validation,
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": self.position.seconds - self._means.began,
            "images_per_second": self._means.images / self._means.train_seconds,
        }
        for hook in self.row_hooks:
            row |= hook()
        # Statistics of batch norm differ between devices; what follows from the row must not.
        self.row = self.trainer.strategy.broadcast(row)

    def on_train_epoch_end(self) -> None:
        # An epoch cut short by max_steps or max_time stays open, for a longer run to continue.
        if self.position.step == self.position.steps_per_epoch:
            if self.is_validated:
                self.schedule.epoch_end(self.row)
            self.position.epoch += 1
            self.position.step = 0
            self._means = self._new_means()
        should_stop = self.trainer.should_stop or self.position.finished
        self.trainer.should_stop = self.trainer.strategy.broadcast(should_stop)

    def on_train_end(self) -> None:
        self._parallel = None

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        self._evaluation.reset()

    def on_test_epoch_start(self) -> None:
        self.on_validation_epoch_start()
        self._kept.clear()
        loader = self.trainer.test_dataloaders
        assert isinstance(loader, EvalLoader)
        self.num_tested = len(loader.batches)
        self.test_indices = self.task.kept_indices(self.num_tested)

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        return self._evaluate(*batch)  # for callbacks

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        first = self._evaluation.images
        outputs = self._evaluate(*batch)
        indices = self.test_indices - first
        here = indices[(indices >= 0) & (indices < len(outputs))]
        self._kept.append(outputs[here.to(outputs.device)].float().cpu())

    def on_test_epoch_end(self) -> None:
        self.test_metrics = self._evaluation.columns("test")
        self.test_outputs = torch.cat(self._kept)
        self._kept.clear()

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        lightning_bridge.remove_loop_state(checkpoint)
        checkpoint["epoch"] = self.position.epoch
        checkpoint["position"] = self.position.state_dict()
        checkpoint[SUMS] = self._means.state_dict()
        checkpoint["schedule"] = self.schedule.state_dict()
        optimizer_state.describe(checkpoint, self.optimizer, self.model, self._optimizer_options)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if not lightning_bridge.is_fitting(self.trainer):  # testing takes the weights alone
            return
        use_trained_weights(checkpoint)
        saved = checkpoint["position"]
        if saved["steps_per_epoch"] != self.position.steps_per_epoch:
            raise CnnlabError(
                f"the checkpoint's epochs have {saved['steps_per_epoch']} steps and this run's "
                f"{self.position.steps_per_epoch}: batch_size, accumulate and data must not change"
            )
        for name, value in saved.items():
            setattr(self.position, name, value)
        self._means = RunningMeans.from_state(checkpoint[SUMS])
        self.schedule.load_state_dict(checkpoint["schedule"])
        optimizer_state.adapt(checkpoint, self.optimizer, self.model, self._optimizer_options)
        lightning_bridge.set_epochs_done(self.trainer, self.position.epoch)
        steps = self.position.global_step
        lightning_bridge.set_optimizer_steps(self.trainer, steps, logged=steps)

    def _evaluate(self, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs: Tensor = self.model(inputs)
        loss, counts = self.criterion(outputs, inputs, targets)
        self._evaluation.update(loss, counts, outputs, targets)
        return outputs

    def _new_means(self) -> RunningMeans:
        return RunningMeans(("loss", *self.task.counts), began=self.position.seconds)

    def _tick(self) -> float:
        """Add the time since the last tick to the position: one time for all devices."""
        now = time.perf_counter()
        seconds: float = self.trainer.strategy.broadcast(now - self._clock)
        self.position.seconds += seconds
        self._clock = now
        return seconds
