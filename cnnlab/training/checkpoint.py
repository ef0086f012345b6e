"""last.ckpt and best.ckpt: whole training states, written under another name and renamed."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from cnnlab.metrics import metric_of_column
from cnnlab.training.module import TrainingModule
from cnnlab.training.stopping import Stopped, StopRequest


class RunCheckpoint(Checkpoint):
    """Keeps the last state and that of the best epoch; the earlier of equals stays.

    Both load with ``weights_only=True``.

    Args:
        keep: which epoch ``best.ckpt`` holds: the best by a column of metrics.csv, such as
            ``val_acc``, or the ``last``.
        every: write last.ckpt also within epochs, at multiples of so many optimiser steps.
        every_seconds: the same by the clock.
        stop: asks for a last save in the middle of things.

    Attributes:
        best: ``{"epoch": 1-based, "value": of the metric}``, empty before the first epoch's end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: str = "val_acc",
        every: int | None = None,
        every_seconds: float | None = None,
        stop: StopRequest | None = None,
    ) -> None:
        self.folder = folder
        self.keep = keep
        self.every = every
        self.every_seconds = every_seconds
        self.stop = stop
        self._saved_at = time.monotonic()
        self.best: dict[str, float] = {}

    def on_fit_start(self, *_: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        position = pl_module.position
        # An epoch's last step is saved after its validation, which must not be skipped.
        if position.finished:
            return
        by_steps = self.every is not None and position.global_step % self.every == 0
        by_clock, stop_signal = self._decide(trainer)
        if by_steps or by_clock or stop_signal is not None:
            self._save(trainer, best=False)
        if stop_signal is not None:
            raise Stopped(stop_signal)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning calls this after the module's own, so the position has moved to the next epoch.
        assert isinstance(pl_module, TrainingModule)
        row = pl_module.row
        value = row[pl_module.task.metric if self.keep == "last" else self.keep]
        best = self._better(value)
        if best:
            self.best = {"epoch": row["epoch"], "value": value}
        self._save(trainer, best=best)
        if not trainer.should_stop and pl_module.position.epoch < (trainer.max_epochs or 0):
            _, stop_signal = self._decide(trainer)
            if stop_signal is not None:
                raise Stopped(stop_signal)

    def _decide(self, trainer: pl.Trainer) -> tuple[bool, int | None]:
        """Whether it is time to save, and the signal that stops the run: rank 0 decides for all.

        Clocks and signals differ between processes, which must save together.
        """
        waited = time.monotonic() - self._saved_at
        by_clock = self.every_seconds is not None and waited >= self.every_seconds
        stop_signal = None if self.stop is None else self.stop.signal
        decision: tuple[bool, int | None] = trainer.strategy.broadcast((by_clock, stop_signal))
        return decision

    def _better(self, value: float) -> bool:
        if not self.best or self.keep == "last":
            return True
        return metric_of_column(self.keep).is_better(value, self.best["value"])

    def _save(self, trainer: pl.Trainer, *, best: bool) -> None:
        written = self.folder / "last.ckpt.part"
        trainer.save_checkpoint(written)
        if not trainer.is_global_zero:
            return
        if best:  # before last.ckpt, which tells who is best: a kill between them costs nothing
            _link(written, self.folder / "best.ckpt")
        os.replace(written, self.folder / "last.ckpt")
        self._saved_at = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]


def _link(source: Path, target: Path) -> None:
    """Make ``target`` the same file as ``source``, or a copy where the disk knows no links."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
    os.replace(part, target)
