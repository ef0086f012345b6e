"""One point of the space as a cnnlab job, and what its folder has to tell the study."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna.study import Study
from optuna.trial import Trial, TrialState

from cnnlab.app.errors import COMPOSING_ERRORS, refusal
from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import holder
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.runs.status import state_of
from cnnlab.sweep.search.options import KEY, SearchOptions
from cnnlab.sweep.search.space import Space
from cnnlab.text import first_line

Compose = Callable[[list[str]], Job]
RUN, ERROR = "run", "error"  # a trial's attributes
POLL_SECONDS = 1.0  # seconds


@dataclass(frozen=True)
class TrialJob:
    """A trial on its way: what the launcher gets, and the folder to read afterwards."""

    number: int
    words: list[str]
    key: str  # of the run's identity: two trials may come to the same point
    folder: RunDir

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to run."""
        return self.folder.is_done or self.folder.status().get("state") == "pruned"


def make_trial_job(trial: Trial, space: Space, compose: Compose) -> TrialJob | None:
    """The job of a trial; None when its point cannot be, which the study is then told."""
    # As Study.ask does; what a trial from before already has stays.
    point = {key: trial._suggest(key, d) for key, d in space.distributions.items()}
    words = [*job_words(space, point), f"{KEY}.trial={trial.number}"]
    try:
        job = compose(words)
    except (CnnlabError, *COMPOSING_ERRORS) as error:
        message = str(error if isinstance(error, CnnlabError) else refusal(error))
        trial.set_user_attr(ERROR, f"impossible: {message}")
        trial.study.tell(trial.number, state=TrialState.FAIL)
        return None
    folder = job.folder()
    trial.set_user_attr(RUN, folder.name)
    return TrialJob(trial.number, words, job.identity.key, folder)


def job_words(space: Space, point: dict[str, object]) -> list[str]:
    """The overrides of a trial, which leave the test set alone."""
    return [*space.words(point), "trainer.test=false"]


def record_outcome(study: Study, trial_job: TrialJob, options: SearchOptions) -> TrialState:
    """Tell the study what came of a trial. One that can go on later stays RUNNING.

    Waits for the run where another process has it: a worker that outlived the last search.
    """
    while holder(trial_job.folder) is not None:
        time.sleep(POLL_SECONDS)
    result = trial_job.folder.result() if trial_job.folder.is_done else {}
    state, status = state_of(trial_job.folder)
    values = [float(result.get(name, math.nan)) for name in options.objectives]
    if result and all(map(math.isfinite, values)):
        return _tell(study, trial_job, TrialState.COMPLETE, values)
    if state == "pruned":
        return _tell(study, trial_job, TrialState.PRUNED)
    if result or state.is_failure or state is RunState.NOT_STARTED:
        error = status.get("error") or f"no number for {', '.join(options.objectives)}"
        trial = study.get_trials(deepcopy=False)[trial_job.number]
        study._storage.set_trial_user_attr(trial._trial_id, ERROR, first_line(error))
        return _tell(study, trial_job, TrialState.FAIL)
    return TrialState.RUNNING


def _tell(
    study: Study, trial_job: TrialJob, state: TrialState, values: list[float] | None = None
) -> TrialState:
    study.tell(trial_job.number, values, state=state)
    return state
