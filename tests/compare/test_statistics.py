import math

import pytest
from scipy import stats

from cnnlab.compare.statistics import summarize, welch


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


def test_one_value_has_no_spread_and_no_interval():
    found = summarize([0.5])
    assert (found.n, found.mean) == (1, 0.5)
    assert math.isnan(found.sd)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="no values"):
        summarize([])


def test_welch_by_hand():
    """SD 1 and 2, n = 3: squared standard error 1/3 + 4/3, Satterthwaite's df = 50/17."""
    found = welch([1, 2, 3], [2, 4, 6])
    assert found is not None
    error, t = math.sqrt(5 / 3), stats.t(50 / 17)
    assert found.mean == pytest.approx(-2)
    assert found.p_value == pytest.approx(2 * t.cdf(-2 / error))
    assert found.low == pytest.approx(-2 - t.ppf(0.975) * error)
    assert found.high == pytest.approx(-2 + t.ppf(0.975) * error)
    assert not found.is_distinguishable


def test_a_clear_difference_is_distinguishable_and_its_interval_excludes_zero():
    found = welch([0.99, 0.991, 0.992], [0.95, 0.951, 0.953])
    assert found is not None
    assert found.is_distinguishable
    assert found.low > 0


@pytest.mark.parametrize(
    ("first", "second"),
    [([0.9], [0.1, 0.2]), ([0.9, 0.91], [0.1]), ([0.9, 0.9], [0.1, 0.1]), ([0.9], [0.1])],
)
def test_welch_needs_two_values_and_some_spread(first, second):
    assert welch(first, second) is None
