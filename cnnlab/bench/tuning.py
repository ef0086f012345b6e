"""What ``cnnlab bench --tune`` has found for one batch size: its table, its choice, its line."""

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from cnnlab.bench.tune import NO_TIME, Trial, speedup
from cnnlab.bench.tuned import cache_key, save
from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.load import accelerator_device
from cnnlab.discovery import named_imports
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.read_file import reason
from cnnlab.training.environment import device_name


@dataclass(frozen=True)
class Tuning:
    """All trials, and what is chosen.

    Attributes:
        words: the overrides that were typed, but for those of the axes.
        trials: combinations of options; the first is plain training.
        chosen: the fastest of them that computes the same.
        by_threads: ``chosen`` with other numbers of threads; the first as it is.
        threads: the number that is chosen.
        default_threads: the number that torch takes by itself here.
    """

    words: list[str]
    trials: list[Trial]
    chosen: Trial
    by_threads: list[Trial]
    threads: int
    default_threads: int

    def times_plain(self, trial: Trial) -> float | None:
        """How many times as fast as plain training: medians of ratios within rounds.

        With another number of threads that is the choice's, times its own beside the choice. None
        where there is no round of both.
        """
        if trial.candidate.threads is None:
            return speedup(trial, self.trials[0]) if trial.rates else None
        same = self.by_threads[0]
        if not trial.rates or not same.rates:
            return None
        return speedup(trial, same) * speedup(self.chosen, self.trials[0])

    @property
    def is_choice(self) -> bool:
        """Whether there was time for more than plain training."""
        others = self.trials[1:]
        return any(trial.failed != NO_TIME for trial in others) or not others

    @property
    def command(self) -> str:
        """The line to copy."""
        imports = [word for module in named_imports() for word in ("--import", module)]
        words = ["cnnlab", "train", *imports, *self.words, *self.chosen.candidate.words]
        if self.threads != self.default_threads:
            words.insert(0, f"OMP_NUM_THREADS={self.threads}")
        return shlex.join(words)

    @property
    def place(self) -> str:
        """What it was measured on."""
        config = self.chosen.candidate.config
        device = device_name(accelerator_device(config.trainer.accelerator))
        return f"{device}, threads {self.default_threads}, torch {torch.__version__}"

    @property
    def name(self) -> str:
        """``resnet20 on cifar10, batches of 128``"""
        config = self.chosen.candidate.config
        return f"{config.model['name']} on {config.data['name']}, batches of {config.batch_size}"

    def lines(self) -> list[str | Table]:
        """What is printed."""
        base, chosen = self.trials[0], self.chosen
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for key in base.candidate.options:
            table.add_column(key.removeprefix("trainer."))
        table.add_column("threads", justify="right")
        for heading in ("images/s", "(min to max)", "times plain"):
            table.add_column(heading, justify="right")
        for heading in ("same answer", "outputs", "loss"):  # of plain training
            table.add_column(heading, justify="right")
        for trial in [*self.trials, *self.by_threads[1:]]:
            table.add_row(*self._cells(trial))
        runs = len(base.rates)
        gain = speedup(chosen, base)
        return [
            self.name,
            table,
            f"n = {runs} rounds, medians; {self.place}",
            f"fastest: {gain:.2f} times plain 32-bit training" if chosen is not base
            else "fastest: plain 32-bit training",
            *([f"it costs: {chosen.agreement}"] if chosen.agreement else []),
            self.command,
        ]  # fmt: skip

    def _cells(self, trial: Trial) -> list[str]:
        candidate = trial.candidate
        threads = candidate.threads or self.default_threads
        cells = [*candidate.options.values(), str(threads)]
        if trial.failed:
            return [*cells, "failed" if trial.failed != NO_TIME else "no time"]
        rate, ratio = trial.rate, self.times_plain(trial)
        apart = ("-",) * 3 if trial.agreement is None else trial.agreement.cells
        is_chosen = trial is self.chosen and self.threads == self.default_threads
        is_chosen = is_chosen or (candidate.threads == self.threads != self.default_threads)
        return [
            *cells,
            f"{rate.median:,.0f}",
            f"{rate.low:,.0f} to {rate.high:,.0f}",
            "-" if ratio is None else f"{ratio:.2f}{' *' if is_chosen else ''}",
            *apart,
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, and for the people who read the cache."""
        base = self.trials[0]
        return {
            "name": self.name,
            "machine": self.place,
            "command": self.command,
            "options": dict(self.chosen.candidate.options),
            "threads": self.threads,
            "times_plain": speedup(self.chosen, base),
            "trials": [self._trial(trial) for trial in [*self.trials, *self.by_threads]],
        }

    def _trial(self, trial: Trial) -> dict[str, Any]:
        found: dict[str, Any] = {
            "options": trial.candidate.options,
            "threads": trial.candidate.threads or self.default_threads,
            "failed": trial.failed or None,
            "images_per_second": trial.rate.to_dict() if trial.rates else None,
            "times_plain": self.times_plain(trial),
        }
        apart = trial.agreement
        return {**found, "agreement": None if apart is None else dataclasses.asdict(apart)}


def save_tuning(tuning: Tuning) -> Path:
    """Keep the choice for ``trainer=tuned``.

    Raises:
        CnnlabError: the cache cannot be written.
    """
    config = tuning.chosen.candidate.config
    dataset: ImageDataset = build(DATASETS, config.data)
    key = cache_key(config, dataset.spec)
    try:
        return save(key, tuning.chosen.candidate.options, tuning.to_dict())
    except OSError as error:
        raise CnnlabError(f"{error.filename}: {reason(error)}; set XDG_CACHE_HOME") from error
