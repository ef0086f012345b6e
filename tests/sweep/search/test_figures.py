"""The figures of a search: values, labels and scales."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from cnnlab.sweep.search.figures import front_figure, history_figure, importance_figure
from cnnlab.sweep.search.report import front

# accuracy, MACs: trials 1, 2 and 4 are beaten by no other
POINTS = [(0.5, 3e6), (0.5, 2e6), (0.9, 9e6), (0.8, 9e6), (0.7, 4e6)]


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = optuna.create_study(study_name="s", directions=["maximize", "minimize"])
    for i, values in enumerate(POINTS):
        params = {"lr": 0.1 * i, "width": values[1] / 1e7}
        distributions = dict.fromkeys(params, FloatDistribution(0, 1))
        found.add_trial(create_trial(params=params, distributions=distributions, values=values))
    return found


@pytest.fixture
def objectives():
    return ["val_acc", "macs"]


def test_the_pareto_front(study, objectives):
    assert [trial.number for trial in front(study)] == [2, 4, 1]
    (axes,) = front_figure(study, objectives).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["front"].get_xydata().tolist() == [[2e6, 50], [4e6, 70], [9e6, 90]]
    assert sorted(map(tuple, lines["dominated"].get_xydata())) == [(3e6, 50), (9e6, 80)]
    assert lines["front"].get_drawstyle() == "steps-post"
    assert {text.get_text() for text in axes.texts} == {"1", "2", "4"}
    assert axes.get_ylabel() == "Validation accuracy (%)"
    assert axes.get_xlabel() == "MACs for one image"
    assert axes.get_title() == "Validation accuracy against MACs"
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(2e6) == "2.0M"


def test_history_shows_the_best_so_far_and_who_was_pruned():
    study = optuna.create_study(study_name="s", direction="maximize")
    for value in (0.2, 0.6, 0.4):
        study.add_trial(create_trial(value=value))
    pruned = create_trial(state=TrialState.PRUNED, intermediate_values={1: 0.1, 2: 0.3})
    study.add_trial(pruned)
    study.add_trial(create_trial(state=TrialState.FAIL))
    (axes,) = history_figure(study, ["val_acc"]).axes
    lines = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    np.testing.assert_allclose(lines["best"], [[0, 20], [1, 60], [2, 60]])
    np.testing.assert_allclose(lines["complete"], [[0, 20], [1, 60], [2, 40]])
    np.testing.assert_allclose(lines["pruned, at its last epoch"], [[3, 30]])
    assert lines["failed"][0][0] == 4
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Trial", "Validation accuracy (%)")


def test_importance_names_the_options_that_change_an_objective(study, objectives):
    accuracy, macs = importance_figure(study, objectives).axes
    assert macs.get_yticklabels()[-1].get_text() == "width"
    for axes in (accuracy, macs):
        assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100)
        assert "%" in axes.get_xlabel()


def test_one_trial_has_no_importance():
    study = optuna.create_study(direction="maximize")
    study.add_trial(create_trial(value=1.0))
    assert importance_figure(study, ["val_acc"]) is None
