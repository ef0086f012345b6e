"""Every private name of Optuna's that cnnlab touches; tests hold each to what it does today."""

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import Trial


def running_trial(study: Study, number: int) -> Trial:
    """A running trial, to report to or to complete, whichever process began it."""
    return Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def suggest(trial: Trial, key: str, distribution: BaseDistribution) -> Any:
    """A value for ``key``, as ``Study.ask`` would; the one that the trial has, if it has one."""
    return trial._suggest(key, distribution)


def set_attribute(study: Study, number: int, key: str, value: Any) -> None:
    """A user attribute of a trial, finished or not."""
    study._storage.set_trial_user_attr(
        study.get_trials(deepcopy=False)[number]._trial_id, key, value
    )
