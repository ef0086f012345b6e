"""One configuration's repeated measurements: mean, standard deviation, interval.

All intervals are 95% t intervals, and cut where the quantity ends: no accuracy is above 100%.
Nothing is claimed from a single run.
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


def summarize(
    values: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Summary:
    """Mean, sample SD (n - 1) and the t interval of the mean.

    Args:
        bounds: of the quantity, (0, 1) for a fraction; the interval is cut there, which leaves its
            coverage as it is.

    Raises:
        ValueError: no values.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no values to summarize")
    mean = float(np.mean(values))
    if n == 1:
        return Summary(1, mean, math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    half = interval_factor(n) * sd / math.sqrt(n)
    low, high = np.clip((mean - half, mean + half), *bounds).tolist()
    return Summary(n, mean, sd, low, high)


def interval_factor(n: int) -> float:
    """Half the t interval of the mean of n values, in standard errors: 4.30 for n = 3."""
    from scipy import stats

    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))


def binomial_error(accuracy: float, images: int) -> float:
    """Standard error of one accuracy on a number of test images: sqrt(p (1 - p) / images).

    It is what other test images would change, whatever the number of seeds.
    """
    from scipy import stats

    return float(stats.binom.std(images, accuracy) / images)
