"""The mean over seeds and the band around it, on the scale that they are drawn on."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnlab.metrics import Metric

Line = NDArray[np.float64]


def band(values: ArrayLike, metric: Metric, *, log: bool) -> tuple[Line, Line, Line]:
    """Centre, lower and upper end for each point, as shown: mean and ±1 SD.  (P, R) -> 3 x (P,)

    On a log axis geometric mean and SD, exp(mean ± SD of the logarithms): a band of mean ± SD
    could be negative there. The ends are cut at the metric's bounds, and NaN for one run.

    Args:
        values: of P points by R runs, as in the files.
    """
    found = np.asarray(values, dtype=float)
    if log:
        logs = np.log(np.where(found > 0, found, np.nan))
        mean, sd = logs.mean(axis=1), _sd(logs)
        centre, low, high = np.exp(mean), np.exp(mean - sd), np.exp(mean + sd)
    else:
        centre, sd = found.mean(axis=1), _sd(found)
        low, high = centre - sd, centre + sd
    low, high = np.clip(low, *metric.bounds), np.clip(high, *metric.bounds)
    return metric.scale * centre, metric.scale * low, metric.scale * high


def _sd(values: NDArray[Any]) -> Line:
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    sd: Line = values.std(axis=1, ddof=1)
    return sd
