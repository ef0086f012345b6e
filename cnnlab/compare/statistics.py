"""The statistics of repeated runs: mean, standard deviation, and the test of a difference.

All intervals are 95% t intervals. Nothing is claimed from a single run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Repeated measurements of one quantity; ``sd`` and the interval are NaN for n = 1."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The difference of two means, with its interval and two-sided p value."""

    mean: float
    low: float
    high: float
    p_value: float

    @property
    def is_distinguishable(self) -> bool:
        return self.p_value < 1 - CONFIDENCE


def summarize(values: Sequence[float]) -> Summary:
    """Mean, sample SD (n - 1) and the t interval of the mean.

    Raises:
        ValueError: no values.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no values to summarize")
    mean = float(np.mean(values))
    if n == 1:
        return Summary(1, mean, math.nan, math.nan, math.nan)
    from scipy import stats

    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def welch(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """mean(first) - mean(second) by Welch's t test (Welch 1947), which lets the SDs differ.

    None where no test is possible: fewer than two values on a side, or no spread on both.
    """
    if min(len(first), len(second)) < 2 or np.ptp(first) == np.ptp(second) == 0:
        return None
    from scipy import stats

    test = stats.ttest_ind(first, second, equal_var=False)
    interval = test.confidence_interval(CONFIDENCE)
    mean = float(np.mean(first) - np.mean(second))
    return Difference(mean, float(interval.low), float(interval.high), float(test.pvalue))
