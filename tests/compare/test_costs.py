import math

import numpy as np
import pandas as pd
import pytest

from cnnlab.compare.compare import compare
from cnnlab.compare.costs import non_dominated, on_main_device
from cnnlab.metrics import METRICS
from cnnlab.registry import CnnlabError

ACCURACY, PARAMS, SPEED = (METRICS[name] for name in ("accuracy", "parameters", "throughput"))


def test_the_pareto_front_by_hand():
    """d costs as much as b and is worse; c costs more than b and is worse; NaN is not on it."""
    cost, score = [1, 2, 3, 2, 9, math.nan], [0.8, 0.9, 0.85, 0.7, 0.95, 0.99]
    front = non_dominated(cost, score, PARAMS, ACCURACY)
    assert front.tolist() == [True, True, False, False, True, False]


def test_equal_points_do_not_dominate_each_other():
    assert non_dominated([1, 1], [0.9, 0.9], PARAMS, ACCURACY).tolist() == [True, True]


def test_of_speed_more_is_better_and_of_an_error_less():
    assert non_dominated([1, 2], [0.9, 0.9], SPEED, ACCURACY).tolist() == [False, True]
    error = METRICS["pixel error"]
    assert non_dominated([1, 2], [0.1, 0.05], PARAMS, error).tolist() == [True, True]


def test_times_of_the_device_that_most_rows_have():
    table = pd.DataFrame({"device": ["cpu", "A100", "A100", "", "A100 / cpu"]})
    assert on_main_device(table).tolist() == [False, True, True, False, False]


@pytest.fixture
def timed(make_run):
    """Validation 50, 80, 90% after 2, 5 and 9 seconds."""

    def make(curve=((0.5, 1), (0.8, 1), (0.9, 1)), **options):
        run = make_run(curve=curve, **options)
        seconds = np.array([2.0, 3.0, 4.0])[: len(curve)]
        run.metrics().assign(seconds=seconds).to_csv(run.metrics_file, index=False)
        return run

    return make


def test_the_time_to_a_given_accuracy(timed, tmp_path):
    timed()
    for target, seconds in ((0.8, 5), ("81%", 9), (0, 2)):
        comparison = compare([tmp_path], target=target)
        assert list(comparison.table["seconds_to_target"]) == [seconds]
    assert compare([tmp_path], target=0.95).table["seconds_to_target"].isna().all()


def test_by_default_to_the_whole_percent_that_all_reach(timed, tmp_path):
    timed()
    timed(curve=((0.7, 1), (0.886, 1)), **{"model.name": "lenet5"})
    comparison = compare([tmp_path])
    assert comparison.target == 0.88
    assert dict(zip(comparison.labels, comparison.table["seconds_to_target"], strict=True)) == {
        "mlp": 9,
        "lenet5": 5,
    }


@pytest.mark.parametrize("target", ["x", "101%", "-1", "95 percent", "nan"])
def test_a_target_that_is_no_accuracy(timed, tmp_path, target):
    timed()
    with pytest.raises(CnnlabError, match=f"--target {target}: not a value of accuracy"):
        compare([tmp_path], target=target)


def test_costs_are_means_over_all_runs_and_unknown_unless_all_have_them(make_run, tmp_path):
    make_run(seed=0, result={"latency_seconds": 0.002, "peak_host_bytes": 10})
    make_run(seed=1, result={"latency_seconds": 0.004})
    (row,) = compare([tmp_path]).table.to_dict("records")
    assert row["latency_seconds"] == pytest.approx(0.003)
    assert math.isnan(row["peak_host_bytes"])
