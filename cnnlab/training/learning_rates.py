"""The learning rate of every step of a run, from its config alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnlab.config.options import RunConfig
from cnnlab.text import as_typed, plural
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.schedule import Schedule


@dataclass(frozen=True)
class LearningRates:
    """What a run's optimiser gets.

    Attributes:
        values: the learning rate of each optimiser step, that of ``optim.lr``.
        factors: on it, of parameters that have their own: the factor and the number of tensors.
        steps_per_epoch: optimiser steps of one epoch.
        title: the schedule with its options, and the length of the run.
        notes: what the values cannot say, each a line.
    """

    values: Sequence[float]
    factors: Mapping[float, int]
    steps_per_epoch: int
    title: str
    notes: Sequence[str]

    @property
    def peak(self) -> int:
        """The first step with the highest learning rate, 0-based."""
        return self.values.index(max(self.values))


def learning_rates(config: RunConfig) -> LearningRates:
    """Compute them without memory for a network and without an image.

    Raises:
        CnnlabError: the config is impossible.
    """
    parts = assemble(config, "meta")
    groups = parts.optimizer.param_groups
    base = float(parts.config.optim.get("lr") or groups[0]["lr"])
    factors: dict[float, int] = {}
    for group in groups:
        factor = float(f"{group['lr'] / base:.6g}")
        factors[factor] = factors.get(factor, 0) + len(group["params"])
    options = {key: value for key, value in config.schedule.items() if key != "name"}
    said = " ".join(f"{key}={as_typed(value)}" for key, value in options.items())
    epochs = parts.total_steps / parts.steps_per_epoch
    steps = f"{parts.total_steps:,} {'step' if parts.total_steps == 1 else 'steps'}"
    length = f"{steps}, {parts.steps_per_epoch:,} per epoch"
    return LearningRates(
        [base * parts.schedule.factor(step) for step in range(parts.total_steps)],
        factors if len(factors) > 1 else {},
        parts.steps_per_epoch,
        f"schedule={config.schedule['name']} {said}".rstrip()
        + f"\n{config.optim['name']}, {epochs:.4g} epochs: {length}",
        list(_notes(config, parts, factors)),
    )


def _notes(config: RunConfig, parts: Assembly, factors: Mapping[float, int]) -> list[str]:
    notes = []
    if type(parts.schedule).epoch_end is not Schedule.epoch_end:
        notes.append(
            f"schedule={config.schedule['name']} depends on the validation, which is not known "
            "before training: this is the learning rate if it never reacts"
        )
    if config.trainer.max_time is not None:
        notes.append(f"trainer.max_time={config.trainer.max_time} may end the run earlier")
    if config.trainer.early_stopping is not None:
        notes.append(
            f"trainer.early_stopping={config.trainer.early_stopping} may end the run earlier"
        )
    notes += [
        f"{plural(count, 'parameter tensor')} {'has' if count == 1 else 'have'} {factor:g} times "
        "this learning rate"
        for factor, count in factors.items()
        if factor != 1
    ]
    return notes
