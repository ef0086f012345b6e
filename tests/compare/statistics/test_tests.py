"""Against scipy and statsmodels, one pair at a time, and by hand."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as one_table

from cnnlab.compare.statistics.tests import holm, mcnemar, paired, welch


def array(*rows):
    return np.array(rows, dtype=float)


def test_paired_by_hand():
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 3.4641 with 2 degrees."""
    found = paired(array([2, 4, 6]), array([1, 2, 3]))
    t = stats.t(2)
    assert found.mean[0] == 2
    assert found.p_value[0] == pytest.approx(2 * t.sf(2 * math.sqrt(3)))
    assert found.low[0] == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)


def test_paired_agrees_with_scipy_for_each_pair():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 6, 5))
    found = paired(first, second)
    for i in range(6):
        expected = stats.ttest_rel(first[i], second[i])
        assert found.p_value[i] == pytest.approx(expected.pvalue)
        assert found.low[i] == pytest.approx(expected.confidence_interval().low)
        assert found.high[i] == pytest.approx(expected.confidence_interval().high)


def test_welch_by_hand():
    """SD 1 and 2, n = 3: squared standard error 1/3 + 4/3, Satterthwaite's df = 50/17."""
    found = welch(array([1, 2, 3]), array([2, 4, 6]))
    error, t = math.sqrt(5 / 3), stats.t(50 / 17)
    assert found.mean[0] == pytest.approx(-2)
    assert found.p_value[0] == pytest.approx(2 * t.cdf(-2 / error))
    assert found.low[0] == pytest.approx(-2 - t.ppf(0.975) * error)
    assert found.high[0] == pytest.approx(-2 + t.ppf(0.975) * error)


def test_without_spread_there_is_no_test():
    """Differences that are equal but for rounding, beside a pair that can be tested."""
    first, second = array([0.3, 0.2], [0.9, 0.8]), array([0.2, 0.1], [0.1, 0.2])
    assert np.isnan(paired(first, second).p_value).tolist() == [True, False]
    assert np.isnan(welch(array([1, 1], [1, 2]), array([2, 2], [3, 4])).low).tolist() == [
        True,
        False,
    ]


def test_mcnemar_agrees_with_statsmodels():
    random = np.random.default_rng(1)
    right = random.random((2, 300)) < [[0.9], [0.84]]
    wins, losses = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    found = mcnemar(array(wins)[0:1], array(losses)[0:1], 300)
    table = [[(right[0] & right[1]).sum(), wins], [losses, (~right[0] & ~right[1]).sum()]]
    assert found.p_value[0] == pytest.approx(one_table(table, exact=True).pvalue)
    assert found.mean[0] == pytest.approx(right[0].mean() - right[1].mean())
    assert found.low[0] < found.mean[0] < found.high[0]


def test_mcnemar_by_hand():
    """8 images against 1: 2 * (1 + 9) / 2**9; none against none: no evidence."""
    found = mcnemar(array(8, 0), array(1, 0), 100)
    assert found.p_value.tolist() == [pytest.approx(20 / 512), 1]
    assert found.mean[0] == pytest.approx(0.07)


def test_holm_by_hand():
    """Sorted 0.01, 0.03, 0.04: times 3, 2, 1, never falling; what was not tested is not counted."""
    assert holm([0.04, math.nan, 0.01, 0.03]).tolist() == [
        pytest.approx(0.06),
        pytest.approx(math.nan, nan_ok=True),
        pytest.approx(0.03),
        pytest.approx(0.06),
    ]
    assert holm([]).tolist() == []
