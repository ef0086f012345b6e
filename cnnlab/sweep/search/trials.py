"""One point of the space as a job, and what its run folder tells the study."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from optuna.study import Study
from optuna.trial import Trial, TrialState

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import holder
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState, may_run
from cnnlab.runs.status import state_of
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.optuna_bridge import set_attribute, suggest
from cnnlab.sweep.search.pruning import PruningHook
from cnnlab.sweep.search.space import Space
from cnnlab.text import first_line

MakeJob = Callable[[list[str]], Job]  # of override words; raises CnnlabError
RUN, ERROR = "run", "error"  # a trial's attributes
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class TrialJob:
    """A trial that has begun, and the job that runs its point."""

    number: int
    job: Job

    @property
    def run_dir(self) -> RunDir:
        return self.job.run_dir

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to run."""
        state, _ = state_of(self.run_dir)
        return state is RunState.PRUNED or not may_run(state, retry=self.job.config.sweep.retry)


def make_trial_job(
    trial: Trial, space: Space, make_job: MakeJob, options: SearchOptions
) -> TrialJob | None:
    """The job of a trial; None where its point is impossible, which the study is then told."""
    # A trial that an earlier process began keeps what was suggested then.
    point = {key: suggest(trial, key, d) for key, d in space.distributions.items()}
    try:
        job = make_job(job_words(space, point))
    except CnnlabError as error:
        trial.set_user_attr(ERROR, f"impossible: {error}")
        trial.study.tell(trial.number, state=TrialState.FAIL)
        return None
    trial.set_user_attr(RUN, job.run_dir.name)
    title = f"trial {trial.number} of {options.n_trials} {job.run_dir.name}"
    job = dataclasses.replace(job, title=title, hooks=_hooks(trial.number, job, options))
    return TrialJob(trial.number, job)


def _hooks(number: int, job: Job, options: SearchOptions) -> tuple[PruningHook, ...]:
    if options.pruner == "none":
        return ()
    return (PruningHook(options, number, Path(job.run_dir.path.parent)),)


def job_words(space: Space, point: dict[str, object]) -> list[str]:
    """The overrides of a trial, which leave the test set alone."""
    return [*space.words(point), "trainer.test=false"]


def wait_for_run(trial_job: TrialJob) -> None:
    """Wait while another process has the run: a worker that outlived the last search."""
    while holder(trial_job.run_dir) is not None:
        time.sleep(POLL_SECONDS)


def record_outcome(
    study: Study, trial_job: TrialJob, options: SearchOptions, *, is_stopped: bool = False
) -> TrialState:
    """Tell the study how a trial ended. One that can be resumed stays RUNNING.

    So does one that did not start before ``sweep.fail_fast`` stopped the search.
    """
    folder = trial_job.run_dir
    result = folder.result() if folder.is_done else {}
    state, status = state_of(folder)
    values = [float(result.get(name, math.nan)) for name in options.objectives]
    if result and all(map(math.isfinite, values)):
        return _tell(study, trial_job, TrialState.COMPLETE, values)
    if state is RunState.PRUNED:
        return _tell(study, trial_job, TrialState.PRUNED)
    if state is RunState.NOT_STARTED and is_stopped:
        return TrialState.RUNNING
    if result or state.is_failure or state is RunState.NOT_STARTED:
        error = status.get("error") or f"no numeric value for {', '.join(options.objectives)}"
        set_attribute(study, trial_job.number, ERROR, first_line(error))
        return _tell(study, trial_job, TrialState.FAIL)
    return TrialState.RUNNING


def _tell(
    study: Study, trial_job: TrialJob, state: TrialState, values: list[float] | None = None
) -> TrialState:
    study.tell(trial_job.number, values, state=state)
    return state
