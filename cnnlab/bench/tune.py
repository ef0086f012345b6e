"""The search of ``cnnlab bench --tune``: combinations take turns, and the fastest is kept.

What counts is each round's ratio to plain 32-bit training, measured in the same round: a machine
that becomes slower meanwhile does not decide. Only what computes the same can be chosen.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from cnnlab.bench.agreement import Agreement, Reference, agreement
from cnnlab.bench.fit import fit, wired
from cnnlab.bench.spread import Spread
from cnnlab.bench.step_clock import StepClock
from cnnlab.bench.workload import Workload
from cnnlab.config.options import RunConfig
from cnnlab.text import first_line
from cnnlab.training.isolation import isolated

TIE = 0.02  # what is faster by less is not worth a change
NO_TIME = "not measured: no time was left"


@dataclass(frozen=True)
class Candidate:
    """A combination of options.

    Attributes:
        options: as typed, by their keys: ``{"trainer.precision": "bf16"}``.
        changes: how many of them differ from plain training.
        threads: of torch's; None leaves them as they are.
    """

    options: dict[str, str]
    config: RunConfig
    changes: int
    threads: int | None = None

    @property
    def words(self) -> list[str]:
        """Its overrides."""
        return [f"{key}={value}" for key, value in self.options.items()]


@dataclass
class Trial:
    """A candidate and what was measured of it.

    Attributes:
        rates: images per second in training, one for each round.
        failed: why it cannot be chosen: it raised, diverged, gave no numbers or was not measured.
        agreement: with plain 32-bit training; None where that is not known.
    """

    candidate: Candidate
    rates: list[float] = field(default_factory=list)
    failed: str = ""
    agreement: Agreement | None = None

    @property
    def rate(self) -> Spread:
        """Images per second."""
        return Spread(self.rates)


Rate = Callable[[Candidate, Workload, float], float]
Say = Callable[[str], None]


@isolated()
def training_rate(candidate: Candidate, workload: Workload, seconds: float) -> float:
    """Images per second in training, measured once.

    Args:
        workload: whose images are trained on; the config is the candidate's.
        seconds: of the warm-up, and of the measurement.
    """
    if candidate.threads is not None:
        torch.set_num_threads(candidate.threads)
    clock = StepClock(1, seconds)
    fit(wired(dataclasses.replace(workload, config=candidate.config), [clock]))
    images = candidate.config.batch_size * candidate.config.trainer.accumulate
    return images * clock.rounds[0].steps / clock.rounds[0].seconds


def time_candidates(
    candidates: Sequence[Candidate],
    workload: Workload,
    *,
    rounds: int,
    seconds: float,
    deadline: float,
    say: Say,
    rate: Rate = training_rate,
    now: Callable[[], float] = time.monotonic,
) -> list[Trial]:
    """Let the candidates take turns; one that fails is not tried a second time.

    Args:
        deadline: by the clock, after which nothing is started but what is first in the list.
    """
    trials = [Trial(candidate) for candidate in candidates]
    for number in range(1, rounds + 1):
        for trial in trials:
            if trial.failed or (now() > deadline and (number > 1 or trial is not trials[0])):
                continue
            name = " ".join(trial.candidate.words)
            try:
                trial.rates.append(rate(trial.candidate, workload, seconds))
            except Exception as error:  # out of memory, or a compiler that fails: others go
                trial.failed = f"{type(error).__name__}: {first_line(error)}"
                say(f"round {number}/{rounds}  {name}  failed: {trial.failed}")
            else:
                threads = trial.candidate.threads
                suffix = "" if threads is None else f"  threads {threads}"
                say(f"round {number}/{rounds}  {name}{suffix}  {trial.rates[-1]:,.0f} images/s")
    for trial in trials:
        if not trial.rates and not trial.failed:
            trial.failed = NO_TIME
    return trials


def speedup(trial: Trial, base: Trial) -> float:
    """How many times as fast as ``base``: the median of the ratios of the same rounds."""
    return statistics.median(a / b for a, b in zip(trial.rates, base.rates, strict=False))


def fastest(trials: Sequence[Trial]) -> Trial:
    """The fastest by its ratio to the first; of those that tie, the one with the fewest changes.

    The first one must have been measured. One that failed is left out, in a later round too.
    """
    base = trials[0]
    measured = [trial for trial in trials if trial.rates and not trial.failed]
    best = max(speedup(trial, base) for trial in measured)
    tied = [trial for trial in measured if speedup(trial, base) >= best * (1 - TIE)]
    return min(tied, key=lambda trial: (trial.candidate.changes, -speedup(trial, base)))


Compare = Callable[[Workload, Reference], Agreement]


def choose_agreeing(
    trials: Sequence[Trial],
    workload: Workload,
    reference: Reference,
    *,
    say: Say,
    compare: Compare = agreement,
) -> Trial:
    """The fastest that trains as the first does, plain training, and gives numbers.

    One that does not is marked as failed, and the next one is tried.
    """
    while (chosen := fastest(trials)) is not trials[0] and chosen.agreement is None:
        _compare(chosen, workload, reference, say, compare)
    return chosen


def add_agreement(
    trials: Sequence[Trial],
    workload: Workload,
    reference: Reference,
    *,
    deadline: float,
    say: Say,
    compare: Compare = agreement,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Compare those that are not compared yet with the first, while there is time."""
    for trial in trials[1:]:
        is_known = trial.failed or trial.agreement is not None
        if not is_known and now() <= deadline:
            _compare(trial, workload, reference, say, compare)


def _compare(
    trial: Trial, workload: Workload, reference: Reference, say: Say, compare: Compare
) -> None:
    try:
        own = dataclasses.replace(workload, config=trial.candidate.config)
        found = compare(own, reference)
    except Exception as error:  # it diverged, or there was not enough memory
        trial.failed = f"{type(error).__name__}: {first_line(error)}"
    else:
        if found.is_finite:
            trial.agreement = found
        else:
            trial.failed = "its outputs are not finite"
    if trial.failed:
        say(f"{' '.join(trial.candidate.words)}  failed: {trial.failed}")
