"""What the user sees while a run trains: a table of epochs above a bar, or a line per epoch."""

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from cnnlab.metrics import METRICS, metric_of_column, split_of
from cnnlab.training.module import TrainingModule

BAR, TIME_LEFT = 24, 8  # columns of the parts of the bar
NARROWEST = {"epoch": 0, "lr": 8}  # columns of the table, where not 6
COSTS = ("lr", "time", "images/s")  # what a narrow terminal does without, the last first


def announce(title: str, description: str, stream: TextIO | None = None) -> None:
    """Say before the training what is trained: a line, on a terminal below that of the run."""
    stream = stream or sys.stderr
    between = "\n" if stream.isatty() else ": "
    print(f"{title}{between if title else ''}{description}", file=stream, flush=True)


class Progress(Callback):
    """Draws after each chunk of steps, from numbers that are on the host anyway.

    Args:
        epochs: of the whole run, to say "epoch 3/10".
        title: put before each line where there is no terminal, such as "job 2/12 lenet5 seed=1".
        stream: where to write; None is the standard error of the moment.
    """

    def __init__(self, *, epochs: int, title: str = "", stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self.title = f"{title}  " if title else ""
        self.stream = stream
        self._bar: Bar | None = None
        self._widths: dict[str, int] = {}  # of the table's columns, by heading

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        stream = self.stream or sys.stderr
        if not trainer.is_global_zero or not stream.isatty():
            return
        self._widths = {}
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(BAR),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=Console(file=stream, highlight=False),
            auto_refresh=False,  # drawn at chunk ends: no thread beside the training
            transient=True,  # the table of epochs is what stays
        )
        self._bar.start()
        self._bar.add_task(
            self._epoch(pl_module.position.epoch),
            total=pl_module.schedule.total_steps,
            completed=pl_module.position.global_step,
            numbers="",
        )

    def on_train_batch_end(self, _: pl.Trainer, pl_module: pl.LightningModule, *_rest: Any) -> None:
        if self._bar is None:
            return
        assert isinstance(pl_module, TrainingModule)
        epoch = self._epoch(pl_module.position.epoch)
        room = self._bar.console.width - len(epoch) - BAR - TIME_LEFT - 3
        self._bar.update(
            self._bar.task_ids[0],
            description=epoch,
            completed=pl_module.position.global_step,
            numbers=_numbers(pl_module.running, "train", room),
            refresh=True,
        )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        row = pl_module.row
        if self._bar is not None:
            self._print_row(row)
        elif trainer.is_global_zero:
            splits = ["train", "val"] if pl_module.is_validated else ["train"]
            print(
                f"{self.title}{self._epoch(int(row['epoch']) - 1)}  "
                f"{'  '.join(_numbers(row, split) for split in splits)}"
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

    def _epoch(self, epoch: int) -> str:
        return f"epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"

    def _print_row(self, row: Mapping[str, float]) -> None:
        """A finished epoch, above the bar; before the first the headings, as they have room."""
        assert self._bar is not None
        console, cells = self._bar.console, _cells(row, self.epochs)
        if not self._widths:
            self._widths = _fitting(cells, console.width)
            console.print(Text(_line(self._widths, self._widths), style="dim"), soft_wrap=True)
        shown = {heading: cells.get(heading, "") for heading in self._widths}
        console.print(Text(_line(shown.values(), self._widths)), soft_wrap=True)


def _cells(row: Mapping[str, float], epochs: int) -> dict[str, str]:
    """What the table shows of an epoch, by heading."""
    cells = {"epoch": f"{int(row['epoch'])}/{epochs}"}
    for column, value in row.items():
        if split := split_of(column):
            shown = "" if math.isnan(value) else metric_of_column(column).show(value)
            cells[f"{split} {column.removeprefix(f'{split}_')}"] = shown
    costs = METRICS["learning rate"].show(row["lr"]), f"{row['seconds']:.1f} s"
    return cells | dict(zip(COSTS, (*costs, f"{row['images_per_second']:,.0f}"), strict=True))


def _fitting(cells: Mapping[str, str], room: int) -> dict[str, int]:
    """The widths of the columns that fit; losses and counts of the validation are the last to go.

    The order: epoch, train, val and costs.
    """
    widths = {
        heading: max(len(heading), len(cell), NARROWEST.get(heading, 6))
        for heading, cell in cells.items()
    }
    scores = [heading for heading in widths if heading not in ("epoch", *COSTS)]
    spare = [*reversed(COSTS), *sorted(scores, key=lambda heading: heading.startswith("val "))]
    while spare and sum(widths.values()) + 2 * (len(widths) - 1) > room:
        del widths[spare.pop(0)]
    return widths


def _line(cells: Iterable[str], widths: Mapping[str, int]) -> str:
    return "  ".join(
        f"{cell:>{width}}" for cell, width in zip(cells, widths.values(), strict=True)
    ).rstrip()


def _numbers(row: Mapping[str, float], split: str, room: float = float("inf")) -> str:
    """Such as "val loss 0.1234 acc 98.10%"; of several no more than fit into ``room`` letters."""
    said = ""
    for column in (column for column in row if split_of(column) == split):
        shown = metric_of_column(column).show(row[column])
        more = f"{said or split} {column.removeprefix(f'{split}_')} {shown}"
        if len(more) > room:
            break
        said = more
    return said
