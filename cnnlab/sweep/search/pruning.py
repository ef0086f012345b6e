"""Inside a trial's job: report each epoch to the study, and stop where it prunes the trial."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from optuna.trial import Trial

from cnnlab.metrics import describe_column, metric_of_column
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.study import open_trial
from cnnlab.training.module import TrainingModule
from cnnlab.training.stopping import Pruned

PRUNED_AFTER = "pruned_after"  # a trial's attribute: the decision outlives the process


@dataclass(frozen=True)
class PruningHook:
    """Makes the job of a trial report to the study, in the process that runs it."""

    options: SearchOptions
    number: int  # of the trial
    sweep: Path  # the sweep's folder

    def callbacks(self) -> "list[Pruning]":
        trial = open_trial(self.sweep, self.options, self.number)
        return [Pruning(trial, self.options.objectives[0])]


class Pruning(Callback):
    """Reports ``metric`` after each epoch; the epoch's checkpoint is written before it stops.

    Raises ``Pruned`` at the end of a training that it has stopped.
    """

    def __init__(self, trial: Trial, metric: str) -> None:
        self.trial = trial
        self.metric = metric
        self.reported = dict(trial.study.get_trials()[trial.number].intermediate_values)
        self.epoch: int | None = trial.user_attrs.get(PRUNED_AFTER)

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if self.epoch is not None:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if not pl_module.is_validated:
            return
        epoch = int(pl_module.row["epoch"])
        if epoch not in self.reported:  # a resumed run repeats epochs that were reported before
            self.reported[epoch] = pl_module.row[self.metric]
            self.trial.report(self.reported[epoch], epoch)
        is_last = epoch == trainer.max_epochs  # pruning would save nothing
        if not is_last and self.trial.should_prune():
            self.trial.set_user_attr(PRUNED_AFTER, epoch)
            self.epoch = epoch
            trainer.should_stop = True

    def on_train_end(self, *_: Any) -> None:
        if self.epoch is not None:
            value = metric_of_column(self.metric).show(self.reported[self.epoch])
            raise Pruned(f"after epoch {self.epoch}: {describe_column(self.metric)} {value}")
