import math

import numpy as np
import pytest
from statsmodels.stats.proportion import std_prop

from cnnlab.compare.statistics.summary import binomial_error, interval_factor, summarize


def test_mean_sd_and_interval_by_hand():
    """t(0.975, 2 degrees of freedom) = 4.302653; 4.302653 * 0.02 / sqrt(3) = 0.049683."""
    found = summarize([0.90, 0.92, 0.94])
    assert found.n == 3
    assert found.mean == pytest.approx(0.92)
    assert found.sd == pytest.approx(0.02)
    assert found.low == pytest.approx(0.92 - 0.049683, abs=1e-6)
    assert found.high == pytest.approx(0.92 + 0.049683, abs=1e-6)


def test_two_values_use_t_of_one_degree_of_freedom():
    """t(0.975, 1) = 12.7062: two seeds bound the mean hardly at all."""
    found = summarize([0.0, 2.0])
    assert found.sd == pytest.approx(math.sqrt(2))
    assert found.high == pytest.approx(1 + 12.7062, abs=1e-4)
    assert interval_factor(3) == pytest.approx(4.3027, abs=1e-4)


def test_one_value_has_no_spread_and_no_interval():
    found = summarize([0.5])
    assert (found.n, found.mean) == (1, 0.5)
    assert math.isnan(found.sd)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="no values"):
        summarize([])


def test_an_interval_of_accuracies_ends_at_0_and_100_percent():
    """The interval of 96.00 and 94.22% by t is [83.8, 106.4]."""
    found = summarize([0.96, 0.9422], bounds=(0, 1))
    assert (found.low, found.high) == (pytest.approx(0.838, abs=1e-3), 1)
    assert summarize([0.02, 0.2], bounds=(0, 1)).low == 0


@pytest.mark.parametrize(("n", "mean", "sd"), [(3, 0.9, 0.01), (5, 0.93, 0.004), (3, 0.99, 0.008)])
def test_the_interval_covers_the_truth_in_95_percent_of_2000_repetitions(n, mean, sd):
    """Also so near to 100% that many intervals are cut there."""
    random = np.random.default_rng(n)
    repetitions = [summarize(list(random.normal(mean, sd, n)), (0, 1)) for _ in range(2000)]
    covered = np.mean([found.low <= mean <= found.high for found in repetitions])
    assert 0.93 <= covered <= 0.97


def test_the_binomial_error_of_one_accuracy():
    """sqrt(0.9 * 0.1 / 900) = 0.01."""
    assert binomial_error(0.9, 900) == pytest.approx(0.01)
    assert binomial_error(0.97, 10_000) == pytest.approx(std_prop(0.97, 10_000))
    assert binomial_error(1.0, 10) == 0
