"""What happens with each epoch's row: metrics.csv, TensorBoard, early stopping.

Lightning calls these after validation and before the task moves on to the next epoch.
"""

import csv
import os
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from cnnlab.metrics import metric_of_column
from cnnlab.training.chunked_task import ChunkedTask


class MetricsFile(Callback):
    """One row per epoch in a CSV file, which is whole at any time.

    An epoch trained again after a resume replaces its row and those after it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ChunkedTask)
        if not trainer.is_global_zero:
            return
        row = pl_module.row
        rows = [kept for kept in self._read() if int(kept["epoch"]) < row["epoch"]]
        part = self.path.with_name(self.path.name + ".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
            writer.writeheader()
            writer.writerows([*rows, row])
        os.replace(part, self.path)

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))


class TensorBoardScalars(Callback):
    """The row as curves over epochs: train/loss, val/acc, lr, images_per_second and so on."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ChunkedTask)
        row = pl_module.row
        scalars = {
            name.replace("train_", "train/").replace("val_", "val/"): value
            for name, value in row.items()
            if name not in ("epoch", "step", "seconds")
        }
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=int(row["epoch"]))
            logger.save()  # to the disk now: a killed run keeps its curves


class EarlyStop(Callback):
    """Stops after ``patience`` epochs in a row without a better ``metric``, such as ``val_acc``."""

    def __init__(self, metric: str, patience: int) -> None:
        self.metric = metric
        self.patience = patience
        self.best: float | None = None
        self.waited = 0

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self._stop_if_due(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ChunkedTask)
        if pl_module.position.step < pl_module.position.steps_per_epoch:
            return  # cut short; a longer run will end this epoch and judge it then
        value = pl_module.row[self.metric]
        if metric_of_column(self.metric).is_better(value, self.best):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        self._stop_if_due(trainer)

    def _stop_if_due(self, trainer: pl.Trainer) -> None:
        if self.waited >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.waited = state_dict["best"], state_dict["waited"]
