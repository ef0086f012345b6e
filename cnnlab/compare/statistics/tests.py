"""Tests of the difference of two configurations, for many pairs at once.

Each takes arrays with a row for each pair and returns the mean difference, its interval and the
two-sided p value, all NaN where there is no spread to test against.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlab.compare.statistics.summary import CONFIDENCE

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Differences:
    """For each of P pairs: mean(first) - mean(second), the 95% interval and p, each (P,)."""

    mean: Array
    low: Array
    high: Array
    p_value: Array


def paired(first: Array, second: Array) -> Differences:
    """Student's t test of the differences by seed.  (P, n), (P, n); n >= 2."""
    from scipy import stats

    differences = first - second
    has_spread = np.ptp(differences, axis=1) > _rounding(first, second)
    return _tested(
        differences.mean(axis=1),
        has_spread,
        lambda: stats.ttest_1samp(differences[has_spread], 0, axis=1),
    )


def welch(first: Array, second: Array) -> Differences:
    """Welch's t test (Welch 1947), which lets the SDs differ.  (P, n), (P, m); n, m >= 2."""
    from scipy import stats

    has_spread = np.ptp(first, axis=1) + np.ptp(second, axis=1) > _rounding(first, second)
    return _tested(
        first.mean(axis=1) - second.mean(axis=1),
        has_spread,
        lambda: stats.ttest_ind(first[has_spread], second[has_spread], axis=1, equal_var=False),
    )


def mcnemar(only_first: Array, only_second: Array, images: int) -> Differences:
    """McNemar's exact test (McNemar 1947) of two networks on the same images.

    It speaks of these two networks alone, not of others with another seed. The interval is Wald's
    for the difference of paired proportions.

    Args:
        only_first: number of images on which only the first network is right, (P,).
        only_second: only the second, (P,).
    """
    from scipy import stats

    discordant = only_first + only_second
    tail = stats.binom.cdf(np.minimum(only_first, only_second), discordant, 0.5)
    mean = (only_first - only_second) / images
    error = np.sqrt((discordant / images - mean**2) / images)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * error
    return Differences(mean, mean - half, mean + half, np.minimum(1.0, 2 * tail))


def holm(p_values: Sequence[float] | Array) -> Array:
    """Holm's correction (Holm 1979) for the number of tests; NaN, where nothing was tested, stays.

    The probability of any false claim among them is then at most 5%.
    """
    corrected = np.asarray(p_values, dtype=float).copy()
    was_tested = ~np.isnan(corrected)
    if was_tested.any():
        from statsmodels.stats.multitest import multipletests

        corrected[was_tested] = multipletests(corrected[was_tested], method="holm")[1]
    return corrected


def _rounding(first: Array, second: Array) -> Array:
    """Below this a spread is the rounding of floating point."""
    largest = np.maximum(np.abs(first).max(axis=1), np.abs(second).max(axis=1))
    smallest: Array = 1e-12 * largest
    return smallest


def _tested(mean: Array, has_spread: NDArray[np.bool_], test: Callable[[], Any]) -> Differences:
    low, high, p_value = (np.full(len(mean), math.nan) for _ in range(3))
    if has_spread.any():
        found = test()
        interval = found.confidence_interval(CONFIDENCE)
        low[has_spread], high[has_spread] = interval.low, interval.high
        p_value[has_spread] = found.pvalue
    return Differences(mean, low, high, p_value)
