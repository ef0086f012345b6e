"""``trainer.val_every``: most epochs end without a validation, the run's last one never does."""

import math
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.config.options import RunConfig
from cnnlab.spec import ImageSpec
from cnnlab.training.evaluation import Evaluation
from cnnlab.training.module import TrainingModule


class ValidateSome(Callback):
    """Decides at each epoch's last step whether Lightning validates it; else enters its row.

    Args:
        every: epochs between validations.
        columns: those of the row that a validation fills; NaN where there is none.
    """

    def __init__(self, every: int, columns: Sequence[str]) -> None:
        self.every = every
        self.columns = tuple(columns)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        position = pl_module.position
        if not (position.finished or trainer.should_stop):
            return
        # First, as it adds to the time, which must not run out between here and the epoch's end.
        pl_module.set_row(dict.fromkeys(self.columns, math.nan))
        is_due = is_last_epoch(trainer, pl_module) or (position.epoch + 1) % self.every == 0
        trainer.check_val_every_n_epoch = 1 if is_due else self.every
        pl_module.is_validated = is_due


def is_last_epoch(trainer: pl.Trainer, module: TrainingModule) -> bool:
    """Whether the run ends with this epoch, which may be cut short by steps or time.

    What a validation decides, such as early stopping, is known after it only.
    """
    position = module.position
    cut_short = position.step < position.steps_per_epoch
    is_last = position.epoch + 1 == trainer.max_epochs
    return is_last or cut_short or position.out_of_time or trainer.should_stop


def last_due(trainer: pl.Trainer, epoch: int) -> int:
    """The last epoch before ``epoch`` that ``val_every`` validates, from 1; 0 where none is."""
    every = next((c.every for c in trainer.callbacks if isinstance(c, ValidateSome)), 1)  # type: ignore[attr-defined]
    return (epoch - 1) // every * every


def val_columns(config: RunConfig, spec: ImageSpec) -> list[str]:
    """The columns that a validation fills, in their order: those of two images' outputs."""
    evaluation = Evaluation(config.task.counts, ExtraMetrics.of(config.metrics, spec))
    evaluation.reset()
    labels = torch.arange(2) % spec.num_classes
    outputs = torch.zeros(config.task.output_shape(spec, 2))
    evaluation.update(torch.zeros(()), [torch.zeros(())] * len(evaluation.counts), outputs, labels)
    return list(evaluation.columns("val"))
