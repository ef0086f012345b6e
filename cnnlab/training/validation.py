"""``trainer.val_every``: most epochs end without a validation, the run's last one never does."""

import math
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from cnnlab.training.module import TrainingModule


class ValidateSome(Callback):
    """Decides at each epoch's last step whether Lightning validates it; else enters its row.

    Args:
        every: epochs between validations.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        position = pl_module.position
        if not position.finished:
            return
        cut_short = position.step < position.steps_per_epoch
        is_last = cut_short or position.out_of_time or position.epoch + 1 == trainer.max_epochs
        is_due = is_last or (position.epoch + 1) % self.every == 0
        trainer.check_val_every_n_epoch = 1 if is_due else self.every
        pl_module.is_validated = is_due
        if not is_due:
            pl_module.set_row(dict.fromkeys(pl_module.task.val_columns, math.nan))
