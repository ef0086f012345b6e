"""One point of the space as a cnnlab job, and what its folder has to tell the study."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna.study import Study
from optuna.trial import Trial, TrialState

from cnnlab.job import Job
from cnnlab.refusals import COMPOSING_ERRORS, refusal
from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import holder
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import FAILED, state_of
from cnnlab.search.options import KEY, SearchOptions
from cnnlab.search.space import Space

Compose = Callable[[list[str]], Job]
RUN, ERROR = "run", "error"  # a trial's attributes
POLL = 1.0  # seconds


@dataclass(frozen=True)
class Proposal:
    """A trial on its way: what the launcher gets, and the folder to read afterwards."""

    number: int
    words: list[str]
    key: str  # of the run's identity: two trials may come to the same point
    folder: RunDir

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to run."""
        return self.folder.is_done or self.folder.status().get("state") == "pruned"


def propose(trial: Trial, space: Space, compose: Compose) -> Proposal | None:
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
    return Proposal(trial.number, words, job.identity.key, folder)


def job_words(space: Space, point: dict[str, object]) -> list[str]:
    """The overrides of a trial, which leave the test set alone."""
    return [*space.words(point), "trainer.test=false"]


def settle(study: Study, proposal: Proposal, options: SearchOptions) -> TrialState:
    """Tell the study what came of a trial. One that can go on later stays RUNNING.

    Waits for the run where another process has it: a worker that outlived the last search.
    """
    while holder(proposal.folder) is not None:
        time.sleep(POLL)
    result = proposal.folder.result() if proposal.folder.is_done else {}
    state, status = state_of(proposal.folder)
    values = [float(result.get(name, math.nan)) for name in options.objectives]
    if result and all(map(math.isfinite, values)):
        return _tell(study, proposal, TrialState.COMPLETE, values)
    if state == "pruned":
        return _tell(study, proposal, TrialState.PRUNED)
    if result or state in (*FAILED, "not begun"):
        error = status.get("error") or f"no number for {', '.join(options.objectives)}"
        trial = study.get_trials(deepcopy=False)[proposal.number]
        study._storage.set_trial_user_attr(trial._trial_id, ERROR, str(error).partition("\n")[0])
        return _tell(study, proposal, TrialState.FAIL)
    return TrialState.RUNNING


def _tell(
    study: Study, proposal: Proposal, state: TrialState, values: list[float] | None = None
) -> TrialState:
    study.tell(proposal.number, values, state=state)
    return state
