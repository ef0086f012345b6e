"""The registered learning rate schedules: configured in epochs, computed in optimiser steps.

A schedule is a pure function of the step, so checkpoints need not save it, and a run resumed with
more epochs continues on the longer schedule. Only Plateau has a state.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cnnlab.registry import SCHEDULES, Range

Epochs = Annotated[float, Range(at_least=0)]
Positive = Annotated[float, Range(above=0)]
Factor = Annotated[float, Range(at_least=0, at_most=1)]


class Schedule:
    """Multiplies the base learning rate of every parameter group.

    Args:
        total_steps: optimiser steps of the whole run.
        steps_per_epoch: optimiser steps of one epoch.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int) -> None:
        self.total_steps = total_steps
        self.steps_per_epoch = steps_per_epoch

    def factor(self, step: int) -> float:
        """The factor on the base learning rate at ``step``, 0-based."""
        raise NotImplementedError

    def check_length(self, steps: int) -> None:
        """Check that the whole schedule happens within ``steps``, those of the run's epochs.

        Raises:
            ValueError: part of it is past the end, where it would never happen.
        """

    def epoch_end(self, row: Mapping[str, float]) -> None:
        """Take the metrics of a finished epoch, such as ``val_loss``, into account."""

    def state_dict(self) -> dict[str, Any]:
        """The state that a checkpoint saves: empty for a function of the step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of ``state_dict()``."""


@SCHEDULES.register("constant")
class Constant(Schedule):
    """The base learning rate throughout."""

    def factor(self, _: int) -> float:
        return 1.0


@SCHEDULES.register("step")
class Step(Schedule):
    """Multiplies the learning rate by ``gamma`` at regular intervals.

    Args:
        every: epochs between two drops; fractions are allowed.
        gamma: factor of each drop.
    """

    def __init__(
        self, total_steps: int, steps_per_epoch: int, *, every: Positive = 30, gamma: Factor = 0.1
    ) -> None:
        super().__init__(total_steps, steps_per_epoch)
        self.every = max(1, round(every * steps_per_epoch))
        self.gamma = gamma

    def factor(self, step: int) -> float:
        return float(self.gamma ** (step // self.every))


@SCHEDULES.register("multistep")
class MultiStep(Schedule):
    """Multiplies the learning rate by ``gamma`` at each milestone, after a constant warm-up.

    Args:
        milestones: when the learning rate drops, in ``unit``, such as 80 and 120.
        unit: unit of milestones and warmup: epochs (or fractions), or optimiser steps, the
            "iterations" of papers.
        gamma: factor of each drop.
        warmup: length of the warm-up, in ``unit``; 0 is off.
        warmup_factor: factor on the base learning rate during the warm-up.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        *,
        milestones: list[float],
        unit: Literal["epochs", "steps"] = "epochs",
        gamma: Factor = 0.1,
        warmup: Epochs = 0.0,
        warmup_factor: Factor = 0.1,
    ) -> None:
        super().__init__(total_steps, steps_per_epoch)
        if milestones != sorted(milestones) or min(milestones, default=0) < 0:
            example = sorted(map(abs, milestones))
            raise ValueError(f"milestones={milestones} must increase, such as {example}")
        self.unit = unit
        self.unit_steps = steps_per_epoch if unit == "epochs" else 1
        self.milestones = [round(milestone * self.unit_steps) for milestone in milestones]
        self.gamma = gamma
        self.warmup = round(warmup * self.unit_steps)
        self.warmup_factor = warmup_factor

    def factor(self, step: int) -> float:
        warm = self.warmup_factor if step < self.warmup else 1.0
        return float(warm * self.gamma ** bisect_right(self.milestones, step))

    def check_length(self, steps: int) -> None:
        end = f"run of {steps / self.unit_steps:g} {self.unit}"
        for milestone in self.milestones:
            if milestone >= steps:
                raise ValueError(
                    f"milestone {milestone / self.unit_steps:g} is past the end of the {end}"
                )
        if self.warmup >= steps:
            raise ValueError(f"warmup={self.warmup / self.unit_steps:g} is as long as the {end}")


@SCHEDULES.register("cosine", paper="Loshchilov & Hutter 2017, SGDR, without restarts")
class Cosine(Schedule):
    """Rises linearly in a warm-up, then falls as half a cosine.

    Args:
        warmup_epochs: length of the warm-up, in epochs; fractions are allowed, 0 is off. null is a
            tenth of the run, but at most one epoch.
        final_factor: factor on the base learning rate at the end of the run.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        *,
        warmup_epochs: Epochs | None = None,
        final_factor: Factor = 0.0,
    ) -> None:
        super().__init__(total_steps, steps_per_epoch)
        if warmup_epochs is None:
            warmup_epochs = min(1.0, 0.1 * total_steps / steps_per_epoch)
        self.warmup = round(warmup_epochs * steps_per_epoch)
        self.final_factor = final_factor

    def factor(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / (self.total_steps - self.warmup)
        return self.final_factor + (1 - self.final_factor) * (1 + math.cos(math.pi * done)) / 2

    def check_length(self, steps: int) -> None:
        if self.warmup >= steps:
            raise ValueError(
                f"warmup_epochs={self.warmup / self.steps_per_epoch:g} is as long as the run of "
                f"{steps / self.steps_per_epoch:g} epochs; it must be shorter"
            )


@SCHEDULES.register("onecycle", paper="Smith & Topin 2018, Super-convergence")
class OneCycle(Schedule):
    """Rises to the base learning rate, then falls to nearly zero, both as half a cosine.

    Momentum is constant.

    Args:
        warmup: fraction of the run in which the learning rate rises.
        start_divisor: the run starts at the base learning rate divided by this.
        end_divisor: the run ends at the starting learning rate divided by this.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        *,
        warmup: Annotated[float, Range(above=0, below=1)] = 0.3,
        start_divisor: Annotated[float, Range(at_least=1)] = 25.0,
        end_divisor: Annotated[float, Range(at_least=1)] = 1e4,
    ) -> None:
        super().__init__(total_steps, steps_per_epoch)
        self.peak = max(warmup * total_steps - 1, 0.0)
        self.start = 1 / start_divisor
        self.end = self.start / end_divisor

    def factor(self, step: int) -> float:
        if step <= self.peak:
            return _half_cosine(self.start, 1.0, step / self.peak if self.peak else 1.0)
        last = max(self.total_steps - 1, 1)
        return _half_cosine(1.0, self.end, (step - self.peak) / (last - self.peak))


@SCHEDULES.register(
    "linear", paper="Howard & Ruder 2018, Universal language model fine-tuning, slanted triangles"
)
class Linear(Schedule):
    """Rises linearly to the base learning rate, then falls linearly.

    Args:
        warmup: fraction of the run in which the learning rate rises; 0 is off.
        start_factor: factor on the base learning rate at the first step of the warm-up.
        final_factor: factor on the base learning rate at the end of the run.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        *,
        warmup: Annotated[float, Range(at_least=0, below=1)] = 0.0,
        start_factor: Factor = 0.2,
        final_factor: Factor = 0.0,
    ) -> None:
        super().__init__(total_steps, steps_per_epoch)
        self.warmup = int(warmup * total_steps)
        self.start_factor, self.final_factor = start_factor, final_factor

    def factor(self, step: int) -> float:
        if step < self.warmup:
            return self.start_factor + (1 - self.start_factor) * step / self.warmup
        done = (step - self.warmup) / (self.total_steps - self.warmup)
        return 1 + (self.final_factor - 1) * done


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))
