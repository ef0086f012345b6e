"""Each private name of Optuna's does what cnnlab needs of it."""

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from cnnlab.sweep.search.optuna_bridge import running_trial, set_attribute, suggest


def test_a_running_trial_is_opened_again_with_what_was_suggested():
    study = optuna.create_study()
    first = study.ask()
    value = suggest(first, "lr", FloatDistribution(0.1, 0.9))
    again = running_trial(study, first.number)
    assert suggest(again, "lr", FloatDistribution(0.1, 0.9)) == value
    again.report(0.5, 3)
    assert study.get_trials()[0].intermediate_values == {3: 0.5}


def test_an_attribute_is_set_without_a_trial_at_hand():
    study = optuna.create_study()
    number = study.ask().number
    set_attribute(study, number, "error", "why")
    study.tell(number, state=TrialState.FAIL)
    assert study.get_trials()[0].user_attrs == {"error": "why"}
