"""The search of ``cnnlab bench --tune``: combinations take turns, and the fastest is kept.

What counts is each round's ratio to plain 32-bit training, measured in the same round: a machine
that becomes slower meanwhile does not decide.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from cnnlab.bench.agreement import Agreement, Reference, agreement, train_reference
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
        failed: why there are none.
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

    The first one must have been measured.
    """
    base = trials[0]
    measured = [trial for trial in trials if trial.rates]
    best = max(speedup(trial, base) for trial in measured)
    tied = [trial for trial in measured if speedup(trial, base) >= best * (1 - TIE)]
    return min(tied, key=lambda trial: (trial.candidate.changes, -speedup(trial, base)))


def add_agreement(
    trials: Sequence[Trial],
    workload: Workload,
    *,
    deadline: float,
    say: Say,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Compare each with the first, plain training: the fastest at once, the others in time."""
    say("agreement with plain 32-bit training")
    chosen = fastest(trials)
    reference: Reference | None = None
    for trial in [chosen, *(trial for trial in trials if trial is not chosen)]:
        if trial is trials[0] or not trial.rates or (trial is not chosen and now() > deadline):
            continue
        try:
            if reference is None:
                plain = dataclasses.replace(workload, config=trials[0].candidate.config)
                reference = train_reference(plain)
            own = dataclasses.replace(workload, config=trial.candidate.config)
            trial.agreement = agreement(own, reference)
        except Exception as error:  # what is known of the speed is still worth showing
            say(f"no agreement for {' '.join(trial.candidate.words)}: {first_line(error)}")
