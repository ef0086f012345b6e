"""What a person sees while a run trains: a bar on a terminal, one line per epoch elsewhere."""

import sys
from typing import Any, TextIO

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from cnnlab.metrics import METRICS, metric_of_column, split_of
from cnnlab.training.module import TrainingModule


class Progress(Callback):
    """Draws after each chunk of steps, from numbers that are on the host anyway.

    Args:
        epochs: of the whole run, to say "epoch 3/10".
        title: put before everything, such as "job 2/12 lenet5 seed=1".
        stream: where to write; None is the standard error of the moment.
    """

    def __init__(self, *, epochs: int, title: str = "", stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self.title = f"{title}  " if title else ""
        self.stream = stream
        self._bar: Bar | None = None
        self._validation = ""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        stream = self.stream or sys.stderr
        if not trainer.is_global_zero or not stream.isatty():
            return
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=Console(file=stream),
            auto_refresh=False,  # drawn at chunk ends: no thread beside the training
        )
        self._bar.start()
        self._bar.add_task(
            self._description(pl_module.position.epoch),
            total=pl_module.schedule.total_steps,
            completed=pl_module.position.global_step,
            numbers="",
        )

    def on_train_batch_end(self, _: pl.Trainer, pl_module: pl.LightningModule, *_rest: Any) -> None:
        if self._bar is None:
            return
        assert isinstance(pl_module, TrainingModule)
        self._bar.update(
            self._bar.task_ids[0],
            description=self._description(pl_module.position.epoch),
            completed=pl_module.position.global_step,
            numbers=_numbers(pl_module.running, "train") + self._validation,
            refresh=True,
        )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        row = pl_module.row
        train, validation = _numbers(row, "train"), ""
        if pl_module.is_validated:
            validation = "  " + _numbers(row, "val")
        self._validation = validation
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], numbers=train + validation, refresh=True)
        elif trainer.is_global_zero:
            print(
                f"{self._description(int(row['epoch']) - 1)}  {train}{validation}"
                f"  lr {METRICS['learning rate'].show(row['lr'])}  {row['seconds']:.1f} s"
                f"  {row['images_per_second']:,.0f} images/s",
                file=self.stream or sys.stderr,
                flush=True,
            )

    def on_fit_end(self, *_: Any) -> None:
        self._close()

    def on_exception(self, *_: Any) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _description(self, epoch: int) -> str:
        return f"{self.title}epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"


def _numbers(row: dict[str, float], split: str) -> str:
    """Such as "val loss 0.1234 acc 98.10%"."""
    columns = [column for column in row if split_of(column) == split]
    scores = [(column, metric_of_column(column).show(row[column])) for column in columns]
    return " ".join([split, *(f"{c.removeprefix(f'{split}_')} {shown}" for c, shown in scores)])
