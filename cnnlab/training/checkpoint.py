"""last.ckpt and best.ckpt: whole training states, written aside and renamed."""

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from cnnlab.training.chunked_task import ChunkedTask


class RunCheckpoint(Checkpoint):
    """Keeps the last state and that of the best epoch; the earlier of equals stays.

    Both load with ``weights_only=True``.

    Args:
        keep: which epoch ``best.ckpt`` holds: highest ``val_acc``, lowest ``val_loss``, ``last``.
        every: write last.ckpt also within epochs, at multiples of so many optimiser steps.

    Attributes:
        best: ``{"epoch": 1-based, "value": of the metric}``, empty before the first epoch's end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: Literal["val_acc", "val_loss", "last"] = "val_acc",
        every: int | None = None,
    ) -> None:
        self.folder = folder
        self.keep = keep
        self.every = every
        self.best: dict[str, float] = {}

    def on_fit_start(self, *_: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, ChunkedTask)
        position = pl_module.position
        # An epoch's last step is saved after its validation, which must not be skipped.
        due = self.every is not None and position.global_step % self.every == 0
        if due and not position.exhausted:
            self._save(trainer, best=False)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning calls this after the task's own, so the position has moved to the next epoch.
        assert isinstance(pl_module, ChunkedTask)
        row = pl_module.row
        value = row["val_loss" if self.keep == "val_loss" else "val_acc"]
        best = self._better(value)
        if best:
            self.best = {"epoch": row["epoch"], "value": value}
        self._save(trainer, best=best)

    def _better(self, value: float) -> bool:
        if not self.best or self.keep == "last":
            return True
        held = self.best["value"]
        return value < held if self.keep == "val_loss" else value > held

    def _save(self, trainer: pl.Trainer, *, best: bool) -> None:
        written = self.folder / "last.ckpt.part"
        trainer.save_checkpoint(written)
        if not trainer.is_global_zero:
            return
        if best:  # before last.ckpt, which tells who is best: a kill between them costs nothing
            _link(written, self.folder / "best.ckpt")
        os.replace(written, self.folder / "last.ckpt")

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
