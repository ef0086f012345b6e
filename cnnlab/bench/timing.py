"""Fair timing: contenders take turns, and what counts is the ratio within each turn.

A machine's speed drifts by more than the differences of interest. Whatever slows a whole round
drops out of its ratio; what is left shows in the range over the rounds and in a control, which is
one contender against itself.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from rich.box import SIMPLE_HEAD
from rich.table import Table

Contender = Callable[[], float]  # does its work once; what that took, seconds
Round = dict[str, float]  # seconds of each contender, in the order of their turns


def alternate(
    contenders: Mapping[str, Contender], rounds: int, warm_up: int = 1
) -> Iterator[Round]:
    """Let the contenders take turns, A B A B and so on, and yield each round when it is over.

    The first ``warm_up`` rounds, in which caches fill and modules load, are left out.
    """
    for number in range(warm_up + rounds):
        seconds = {name: contender() for name, contender in contenders.items()}
        if number >= warm_up:
            yield seconds


@dataclass(frozen=True)
class Ratio:
    """How many times as long ``numerator`` takes as ``denominator``: over rounds, of each round."""

    numerator: str
    denominator: str
    median: float
    low: float
    high: float

    def __str__(self) -> str:
        names = f"{self.numerator} / {self.denominator}"
        return f"{names} = {self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(rounds: Sequence[Round], numerator: str, denominator: str) -> Ratio:
    """The median of the rounds' own ratios, with the least and the largest of them."""
    each = [seconds[numerator] / seconds[denominator] for seconds in rounds]
    return Ratio(numerator, denominator, statistics.median(each), min(each), max(each))


def table(rounds: Sequence[Round]) -> Table:
    """Seconds of each contender: median, least and most."""
    result = Table(box=SIMPLE_HEAD, pad_edge=False)
    result.add_column("seconds", no_wrap=True)
    for heading in ("median", "min", "max"):
        result.add_column(heading, justify="right")
    for name in rounds[0]:
        seconds = [times[name] for times in rounds]
        numbers = (statistics.median(seconds), min(seconds), max(seconds))
        result.add_row(name, *(f"{number:.3f}" for number in numbers))
    return result


class EpochClock(Callback):
    """Seconds from the first epoch's start to the end of training: what ``fit`` sets up before
    and tears down after is not in it; validation, records and checkpoints are.

    Args:
        device: what trains.
        skipped: epochs before those that are timed.
    """

    seconds: float

    def __init__(self, device: torch.device, skipped: int = 0) -> None:
        self._device, self._skipped, self._start = device, skipped, 0.0

    def on_train_epoch_start(self, *_: Any) -> None:
        if self._skipped == 0:
            self._start = now(self._device)
        self._skipped -= 1

    def on_train_end(self, *_: Any) -> None:
        self.seconds = now(self._device) - self._start


def now(device: torch.device) -> float:
    """The clock, in seconds, once the device has done all that it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return time.perf_counter()
