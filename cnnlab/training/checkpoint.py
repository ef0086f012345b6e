"""last.ckpt and best.ckpt: whole training states, on the disk before they take their names."""

import errno
import os
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins import TorchCheckpointIO

from cnnlab.metrics import metric_of_column
from cnnlab.registry import CnnlabError
from cnnlab.runs.checkpoint_file import Progress, read_checkpoint
from cnnlab.runs.durable import copy, is_disk_full, replacing, sync
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.module import TrainingModule
from cnnlab.training.stopping import Stopped, StopRequest

LAST_SECONDS = 5.0  # of short epochs: between those that are written to last.ckpt as well


class CheckpointFiles(TorchCheckpointIO):
    """Writes checkpoints beside the place where they go, not by way of the temporary folder."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: None = None
    ) -> None:
        assert storage_options is None, "a local file has none"
        try:
            with replacing(Path(path), sync_folder=False) as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:  # torch's own, over that of the file
            if is_disk_full(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise


class RunCheckpoint(Checkpoint):
    """Keeps the last state and that of the best epoch; the earlier of equals stays.

    Both load with ``weights_only=True``. An epoch without validation is never the best. One cut
    short may be the best as long as it is the last one; if a longer run trains the rest of it, the
    whole epoch is judged instead.

    An epoch may be shorter than a save. So within 5 s of the latest last.ckpt, and before the end,
    a best is not copied there (a resumed run takes the later of both), and where the last epoch is
    kept nothing is saved.

    Args:
        keep: which epoch ``best.ckpt`` holds: the best by a column of metrics.csv, such as
            ``val_acc``, or the ``last``.
        every: write last.ckpt also within epochs, at multiples of this number of optimiser steps.
        every_seconds: the same by the clock.
        stop: asks for a last save in the middle of things.

    Attributes:
        best: ``{"epoch": 1-based, "value": of the metric}``, empty before the first that can be.
        best_complete: while ``best`` is of an epoch cut short: the best of those before it.
    """

    def __init__(
        self,
        run: RunDir,
        *,
        keep: str = "val_acc",
        every: int | None = None,
        every_seconds: float | None = None,
        stop: StopRequest | None = None,
    ) -> None:
        self.run = run
        self.keep = keep
        self.every = every
        self.every_seconds = every_seconds
        self.stop = stop
        self._saved_at = time.monotonic()
        self.best: dict[str, float] = {}
        self.best_complete: dict[str, float] = {}
        self._is_best = False  # the state that is being saved

    def on_fit_start(self, *_: Any) -> None:
        self.run.checkpoint_dir.mkdir(parents=True, exist_ok=True)

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
        row, cut_short = pl_module.row, pl_module.position.step > 0
        goes_on = not trainer.should_stop and pl_module.position.epoch < (trainer.max_epochs or 0)
        is_due = not goes_on or self._is_due(trainer, pl_module.position.global_step)
        if self.keep == "last" and not is_due:
            pl_module.restart_clock()
            return
        if self.best.get("epoch") == row["epoch"]:  # it was cut short then
            self._restore_complete(trainer)
        value = row[pl_module.task.metric if self.keep == "last" else self.keep]
        best = (pl_module.is_validated or self.keep == "last") and self._better(value)
        if best:
            if cut_short:
                self._keep_complete(trainer)
            self.best = {"epoch": row["epoch"], "value": value}
        if not cut_short:
            self.best_complete = {}
        self._save(trainer, best=best, copied=is_due)
        if not cut_short and trainer.is_global_zero:
            self.run.best_complete_checkpoint.unlink(missing_ok=True)
        if goes_on:
            _, stop_signal = self._decide(trainer)
            if stop_signal is not None:
                if best and not is_due:  # it came after that was decided
                    self._save(trainer, best=True)
                raise Stopped(stop_signal)

    def best_state(self, trainer: pl.Trainer) -> tuple[dict[str, Any], str]:
        """What best.ckpt holds after training, and a line where it is the last epoch instead.

        That is so where the best is lost, or was chosen by another metric, and no epoch is left.

        Raises:
            CnnlabError: it cannot be read, or is of another epoch than the best.
        """
        said = ""
        if not self.best:
            module = trainer.lightning_module
            assert isinstance(module, TrainingModule)
            epoch = module.position.epoch + (module.position.step > 0)
            self.best = {"epoch": epoch, "value": float("nan")}  # any later epoch is better
            self._save(trainer, best=True)
            said = f"the best epoch is unknown and none is left to train: testing the last, {epoch}"
        state = read_checkpoint(self.run.best_checkpoint)
        epoch = Progress.of(state).epoch
        if epoch != self.best["epoch"]:
            raise CnnlabError(
                f"{self.run.best_checkpoint}: holds epoch {epoch}, but the best one is "
                f"{self.best['epoch']:.0f}; delete that file, and the same command continues"
            )
        return state, said

    def _decide(self, trainer: pl.Trainer) -> tuple[bool, int | None]:
        """Whether it is time to save, and the signal that stops the run: rank 0 decides for all.

        Clocks and signals differ between processes, which must save together.
        """
        waited = time.monotonic() - self._saved_at
        by_clock = self.every_seconds is not None and waited >= self.every_seconds
        stop_signal = None if self.stop is None else self.stop.signal
        decision: tuple[bool, int | None] = trainer.strategy.broadcast((by_clock, stop_signal))
        return decision

    def _is_due(self, trainer: pl.Trainer, step: int) -> bool:
        """Whether an epoch that is not the last belongs in last.ckpt: rank 0 decides for all."""
        stops = self.stop is not None and self.stop.signal is not None
        by_steps = self.every is not None and step % self.every == 0
        longest = min(LAST_SECONDS, self.every_seconds or LAST_SECONDS)
        due = stops or by_steps or time.monotonic() - self._saved_at >= longest
        return bool(trainer.strategy.broadcast(due))

    def _better(self, value: float) -> bool:
        if not self.best or self.keep == "last":
            return True
        return metric_of_column(self.keep).is_better(value, self.best["value"])

    def _keep_complete(self, trainer: pl.Trainer) -> None:
        self.best_complete = self.best
        if self.best and trainer.is_global_zero:
            copy(self.run.best_checkpoint, self.run.best_complete_checkpoint)

    def _restore_complete(self, trainer: pl.Trainer) -> None:
        """Go back to the best of the complete epochs; its file stays, in case of a kill."""
        self.best = self.best_complete
        if self.run.best_complete_checkpoint.is_file() and trainer.is_global_zero:
            copy(self.run.best_complete_checkpoint, self.run.best_checkpoint)

    def _save(self, trainer: pl.Trainer, *, best: bool, copied: bool = True) -> None:
        last, kept = self.run.last_checkpoint, self.run.best_checkpoint
        self._is_best = best
        # best.ckpt first: it says who is best too, and after a kill between them is the later state
        trainer.save_checkpoint(kept if best else last)
        copied |= not last.is_file()
        if trainer.is_global_zero:
            if best and copied:
                copy(kept, last)
            else:
                sync(self.run.checkpoint_dir)
        if copied or not best:
            self._saved_at = time.monotonic()
        module = trainer.lightning_module
        assert isinstance(module, TrainingModule)
        module.restart_clock()

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_complete": self.best_complete,
            "keep": self.keep,
            "is_best": self._is_best,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it; by another metric, or without its file, the next epoch is the best."""
        if state_dict.get("keep", self.keep) == self.keep and self.run.best_checkpoint.is_file():
            self.best = state_dict["best"]
            self.best_complete = state_dict.get("best_complete", {})
