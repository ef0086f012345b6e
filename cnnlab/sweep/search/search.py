"""The search: take trials, let a launcher run them, tell the study, until there are enough."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from optuna.distributions import FloatDistribution
from optuna.study import Study
from optuna.trial import TrialState

from cnnlab.app.errors import COMPOSING_ERRORS, refusal
from cnnlab.registry import CnnlabError
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.search.leases import TrialLeases
from cnnlab.sweep.search.objectives import OBJECTIVES
from cnnlab.sweep.search.options import KEY, SearchOptions
from cnnlab.sweep.search.report import report
from cnnlab.sweep.search.sampler import GridInOrder, make_sampler
from cnnlab.sweep.search.space import Space
from cnnlab.sweep.search.study import open_study
from cnnlab.sweep.search.trials import Compose, TrialJob, job_words, make_trial_job, record_outcome

Launch = Callable[[list[list[str]], int], Any]


def search(space: Space, options: SearchOptions, compose: Compose, launch: Launch) -> list[RunDir]:
    """Run or finish the search of a sweep folder; the runs that it has chosen in the end.

    Chosen is the best trial, or of several objectives the one on the front that is best in the
    first. It alone is then tested. Where no trial is complete, those that failed are returned.

    Raises:
        CnnlabError: the search is refused; no trial was begun.
    """
    sampler = make_sampler(options, space)
    sweep = check_corners(space, options, compose)[0].folder().path.parent
    limit = options.n_trials
    if isinstance(sampler, GridInOrder):
        limit = min(limit, len(sampler.points))
    study = open_study(sweep, options, space, sampler)
    _say_where_it_stands(study, limit)
    leases = TrialLeases(study, sweep)
    with leases.heartbeat():
        while batch := _batch(leases, space, options, compose, limit):
            _run(batch, launch)
            for trial_job in batch:
                record_outcome(study, trial_job, options)
    return report(study, sweep, space, options, limit)


def check_corners(space: Space, options: SearchOptions, compose: Compose) -> list[Job]:
    """Check the space at its ends, before anything is written; the jobs of those that can be.

    Raises:
        CnnlabError: none can be, or the objectives cannot be measured.
    """
    possible: list[Job] = []
    refused: list[str] = []
    for point in space.probes():
        words = [*job_words(space, point), f"{KEY}.trial=0"]
        try:
            possible.append(compose(words))
        except CnnlabError as error:
            _refuse_real_numbers(space, error)
            refused.append(f"{' '.join(space.words(point))}: {error}")
        except COMPOSING_ERRORS as error:  # a name or a key that is none, whatever else varies
            raise refusal(error) from error
    if not possible:
        raise CnnlabError(f"no point of the space can be; nothing was started\n  {refused[0]}")
    if refused:
        print(
            f"{len(refused)} of {len(refused) + len(possible)} points tried beforehand cannot be "
            f"and would count as failed trials; the first:\n  {refused[0]}",
            file=sys.stderr,
        )
    for job in possible:
        _refuse_what_cannot_be_measured(job, options)
    return possible


def _refuse_real_numbers(space: Space, error: CnnlabError) -> None:
    """Almost every point of such an interval would fail."""
    key = str(error).partition("=")[0]
    distribution = space.distributions.get(key)
    if isinstance(distribution, FloatDistribution) and "whole number" in str(error):
        low, high = distribution.low, distribution.high
        raise CnnlabError(f"{error}: {key}='int(interval({low:g}, {high:g}))'") from error


def _refuse_what_cannot_be_measured(job: Job, options: SearchOptions) -> None:
    task = job.config.task
    if "val_acc" in options.objectives and "val_acc" not in task.val_columns:
        raise CnnlabError(
            f"{KEY}.objectives: model={job.config.model['name']} has no val_acc; {task.metric}"
        )
    if options.pruner != "none" and job.config.trainer.devices > 1:
        raise CnnlabError(f"{KEY}.pruner={options.pruner} needs trainer.devices=1")


def _batch(
    leases: TrialLeases, space: Space, options: SearchOptions, compose: Compose, limit: int
) -> list[TrialJob]:
    """Up to ``n_jobs`` trials; empty when there is none to take any more."""
    batch: list[TrialJob] = []
    while len(batch) < options.n_jobs and (trial := leases.take(limit)) is not None:
        trial_job = make_trial_job(trial, space, compose)
        if trial_job is not None:
            batch.append(trial_job)
    return batch


def _run(batch: Sequence[TrialJob], launch: Launch) -> None:
    """Launch what is still to run, each identity once."""
    todo = {trial_job.key: trial_job for trial_job in reversed(batch) if not trial_job.is_settled}
    first = min((trial_job.number for trial_job in todo.values()), default=0)
    if todo:
        launch([trial_job.words for trial_job in reversed(todo.values())], first)


def _say_where_it_stands(study: Study, limit: int) -> None:
    states = Counter(trial.state for trial in study.get_trials(deepcopy=False))
    finished = sum(count for state, count in states.items() if state.is_finished())
    if states:
        left = states[TrialState.RUNNING]
        words = f", {left} to take up" if left else ""
        print(f"{finished} of {limit} trials are finished already{words}", file=sys.stderr)
    wanted = " and ".join(
        str(OBJECTIVES[name]) for name in study.user_attrs["searched"]["objectives"]
    )
    print(f"searching for {wanted}", file=sys.stderr)
