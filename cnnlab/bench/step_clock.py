"""Repeated timing within one training: warm-up, then rounds of chunks of steps."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from cnnlab.bench.phases import FRAMEWORK, PHASES, PhaseTimer
from cnnlab.training.module import TrainingModule

WARM_UP_CHUNKS = 3  # at least: the first ones are of one step each


@dataclass
class Round:
    """One measurement: chunks that are timed as they are, in turns with chunks whose phases are.

    Attributes:
        steps, seconds: of the former.
        phases: seconds of each phase of the latter, which took ``split_seconds`` in total.
    """

    steps: int = 0
    seconds: float = 0.0
    split_seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)

    def add(self, steps: int, seconds: float, phases: Mapping[str, float] | None) -> None:
        """Add a chunk; ``phases`` is None where only its whole time was taken."""
        if phases is None:
            self.steps += steps
            self.seconds += seconds
            return
        self.split_seconds += seconds
        for name, value in phases.items():
            self.phases[name] = self.phases.get(name, 0.0) + value


def shares(rounds: list[Round]) -> dict[str, float] | None:
    """Each phase's part of a step's time, over all rounds; they add up to 1.

    The framework's is the remainder. None where the phases could not be told apart.
    """
    total = sum(each.split_seconds for each in rounds)
    if total == 0 or not any(each.phases for each in rounds):
        return None
    found = {name: sum(each.phases.get(name, 0.0) for each in rounds) / total for name in PHASES}
    return {**found, FRAMEWORK: 1 - sum(found.values())}


class StepClock(Callback):
    """Times training steps and ends the training after the last round.

    A chunk's time is that from the end of the one before it, with all that Lightning does between
    them. What happens between two epochs is left out.

    Args:
        rounds: measurements.
        seconds: of each of them, at least; the warm-up is as long.
        timer: what times the phases, in every other chunk; None leaves them.
        on_round: called with the rounds so far.
        now: a clock, seconds.

    Attributes:
        first_step: when the first step was done, by the clock.
    """

    def __init__(
        self,
        rounds: int,
        seconds: float,
        timer: PhaseTimer | None = None,
        on_round: Callable[[list[Round]], None] = lambda _: None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.rounds: list[Round] = []
        self.first_step: float | None = None
        self._wanted, self._seconds, self._timer = rounds, seconds, timer
        self._on_round, self._now = on_round, now
        self._round: Round | None = None  # None during the warm-up
        self._last, self._steps, self._chunks = 0.0, 0, 0

    def on_train_epoch_start(self, *_: Any) -> None:
        self._last = self._now()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        if self.add(pl_module.position.global_step):
            trainer.should_stop = True

    def add(self, done: int) -> bool:
        """A chunk has ended, ``done`` steps after the start; whether it was the last one."""
        now = self._now()
        steps, seconds = done - self._steps, now - self._last
        self._steps = done
        if self._round is None:
            self._warm_up(now)
        elif self._add(steps, seconds):
            self.rounds.append(self._round)
            self._round = Round()
            self._on_round(self.rounds)
        self._last = self._now()
        return len(self.rounds) == self._wanted

    def _warm_up(self, now: float) -> None:
        if self.first_step is None:
            self.first_step = now
        self._chunks += 1
        if self._chunks >= WARM_UP_CHUNKS and now - self.first_step >= self._seconds:
            self._round = Round()

    def _add(self, steps: int, seconds: float) -> bool:
        """Add a chunk to the round; whether that is complete."""
        assert self._round is not None
        timer = self._timer
        if timer is None:
            self._round.add(steps, seconds, None)
        else:
            self._round.add(steps, seconds, timer.collect() if timer.active else None)
            timer.active = not timer.active
        is_split = timer is None or self._round.split_seconds > 0
        return is_split and self._round.seconds >= self._seconds
