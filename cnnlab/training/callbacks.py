"""Callbacks: what happens with each epoch's row, and what a callback of the user's sees.

Lightning calls these after validation and before the module moves on to the next epoch.

Your own: a subclass of Lightning's ``Callback``, registered under a name. Its keyword-only
arguments are its options: ``callbacks=[freeze_late]`` chooses it, ``callbacks.freeze_late.epoch=3``
sets one::

    @CALLBACKS.register("freeze_late")
    class FreezeLate(Callback):
        def __init__(self, *, epoch: int = 5) -> None: ...

Lightning sees chunks of optimiser steps (at most 50, about half a second), not single ones:

- ``on_train_batch_start`` and ``on_train_batch_end`` are called once for each chunk. ``batch`` is a
  ``Chunk`` (indices of images, not pixels); ``batch_idx`` counts chunks. With a class attribute
  ``every_batch = True`` all chunks of the run are single steps: the weights are the same to the
  last bit, and a step costs about a millisecond more.
- Hooks within a step (``on_before_backward``, ``on_before_optimizer_step`` and their like) are not
  called. A function in ``pl_module.gradient_hooks`` is called with the parameters once a step's
  gradients are complete, one given to ``pl_module.optimizer.register_step_post_hook`` after it.
- Hooks of epochs, validation, test, checkpoints and errors are called as usual; a batch of
  validation or test is one batch, whose outputs ``on_validation_batch_end`` gets.
- ``trainer.global_step`` counts optimiser steps, ``trainer.current_epoch`` epochs from 0.
- ``pl_module.model`` is the network, ``pl_module.optimizer`` the optimiser, ``pl_module.position``
  the state of training; ``pl_module.row`` is the epoch's row of metrics.csv, from
  ``on_validation_end`` on, or from ``on_train_epoch_end`` on where ``pl_module.is_validated`` is
  False: its validation columns are NaN then. A function in ``pl_module.row_hooks`` returns columns
  of its own, which enter every epoch's row. ``trainer.default_root_dir`` is the run's folder.
- Callbacks are part of a run's identity, loggers are not. What ``state_dict`` gives is saved, and
  comes back to ``load_state_dict`` in a resumed run.
"""

import csv
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from cnnlab.metrics import metric_of_column, split_of
from cnnlab.runs.claim import HEARTBEAT, ensure_claimed
from cnnlab.runs.durable import replacing
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.loggers import scalar_tag
from cnnlab.training.module import TrainingModule


def needs_every_batch(callbacks: Sequence[Callback]) -> bool:
    """Whether one of them says so: it has ``every_batch = True``."""
    return any(getattr(callback, "every_batch", False) for callback in callbacks)


class ClaimCheck(Callback):
    """Stops, before anything is written, where another process has taken the run over."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._checked = time.monotonic()

    def on_train_batch_end(self, *_: Any) -> None:
        if time.monotonic() - self._checked > HEARTBEAT:
            self._checked = time.monotonic()
            ensure_claimed(self.run)

    def on_train_epoch_end(self, *_: Any) -> None:
        ensure_claimed(self.run)

    def on_save_checkpoint(self, *_: Any) -> None:
        ensure_claimed(self.run)

    def on_fit_end(self, *_: Any) -> None:
        ensure_claimed(self.run)

    def on_test_end(self, *_: Any) -> None:
        ensure_claimed(self.run)


class MetricsFile(Callback):
    """One row per epoch in a CSV file, which is whole at any time.

    An epoch trained again after a resume replaces its row and those after it. A column that only
    some epochs have is empty in the others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if not trainer.is_global_zero:
            return
        row = pl_module.row
        rows = [old for old in self._read() if int(old["epoch"]) < row["epoch"]]
        text = io.StringIO()
        header = dict.fromkeys([*row, *filter(None, rows[0] if rows else ())])
        writer = csv.DictWriter(text, list(header), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
        with replacing(self.path, sync_folder=False) as file:  # the checkpoint follows
            file.write(text.getvalue().encode())

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))


class LogScalars(Callback):
    """The row as curves over epochs, to every logger: train/loss, val/acc, train/lr and so on."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        row = pl_module.row
        scalars = {
            scalar_tag(name): value
            for name, value in row.items()
            if name not in ("epoch", "step", "seconds")
            if pl_module.is_validated or split_of(name) != "val"
        }
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=int(row["epoch"]))
            logger.save()  # to the disk now: a killed run keeps its curves


class EarlyStop(Callback):
    """Stops after ``patience`` epochs in a row without a better ``metric``, such as ``val_acc``.

    It is decided after each validation; the epochs without one count too.
    """

    def __init__(self, metric: str, patience: int) -> None:
        self.metric = metric
        self.patience = patience
        self.best: float | None = None
        self.waited = 0
        self.judged: int | None = None  # the last epoch that was

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if self.judged is None:  # a fresh start, or a checkpoint of an earlier version
            self.judged = pl_module.position.epoch
        self._stop_if_due(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if pl_module.position.step < pl_module.position.steps_per_epoch:
            return  # cut short; a longer run will end this epoch and judge it then
        if not pl_module.is_validated:
            return
        value, epoch = pl_module.row[self.metric], int(pl_module.row["epoch"])
        if metric_of_column(self.metric).is_better(value, self.best):
            self.best, self.waited = value, 0
        else:
            self.waited += epoch - (self.judged or 0)
        self.judged = epoch
        self._stop_if_due(trainer)

    def _stop_if_due(self, trainer: pl.Trainer) -> None:
        if self.waited >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        names = ("best", "waited", "metric", "judged")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it; a run continued with another metric starts to wait from zero."""
        if state_dict.get("metric", self.metric) == self.metric:
            self.best, self.waited = state_dict["best"], state_dict["waited"]
            self.judged = state_dict.get("judged")
