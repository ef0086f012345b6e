"""The search: take trials, let a launcher run them, tell the study, until there are enough."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from optuna.distributions import FloatDistribution
from optuna.study import Study
from optuna.trial import TrialState

from cnnlab.job import Job
from cnnlab.refusals import COMPOSING_ERRORS, refusal
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.search.objectives import OBJECTIVES
from cnnlab.search.options import KEY, SearchOptions
from cnnlab.search.ownership import Ownership
from cnnlab.search.report import report
from cnnlab.search.sampler import GridInOrder, make_sampler
from cnnlab.search.space import Space
from cnnlab.search.study import open_study
from cnnlab.search.trials import Compose, Proposal, job_words, propose, settle

Launch = Callable[[list[list[str]], int], Any]


def search(space: Space, options: SearchOptions, compose: Compose, launch: Launch) -> list[RunDir]:
    """Run or finish the search of a sweep folder; the runs that it has chosen in the end.

    Chosen is the best trial, or of several objectives the one on the front that is best in the
    first. It alone is then tested. Where no trial is complete, those that failed are returned.

    Raises:
        CnnlabError: the search is refused; no trial was begun.
    """
    sampler = make_sampler(options, space)
    sweep = ends_of(space, options, compose)[0].folder().path.parent
    limit = options.n_trials
    if isinstance(sampler, GridInOrder):
        limit = min(limit, len(sampler.points))
    study = open_study(sweep, options, space, sampler)
    _say_where_it_stands(study, limit)
    ownership = Ownership(study, sweep)
    with ownership.beating():
        while batch := _batch(ownership, space, options, compose, limit):
            _run(batch, launch)
            for proposal in batch:
                settle(study, proposal, options)
    return report(study, sweep, space, options, limit)


def ends_of(space: Space, options: SearchOptions, compose: Compose) -> list[Job]:
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
    if job.config.task == "reconstruct" and "val_acc" in options.objectives:
        raise CnnlabError(
            f"{KEY}.objectives: model={job.config.model['name']} has no val_acc; val_loss"
        )
    if options.pruner != "none" and job.config.trainer.devices > 1:
        raise CnnlabError(f"{KEY}.pruner={options.pruner} needs trainer.devices=1")


def _batch(
    ownership: Ownership, space: Space, options: SearchOptions, compose: Compose, limit: int
) -> list[Proposal]:
    """Up to ``n_jobs`` trials; empty when there is none to take any more."""
    batch: list[Proposal] = []
    while len(batch) < options.n_jobs and (trial := ownership.take(limit)) is not None:
        proposal = propose(trial, space, compose)
        if proposal is not None:
            batch.append(proposal)
    return batch


def _run(batch: Sequence[Proposal], launch: Launch) -> None:
    """Launch what is still to run, each identity once."""
    todo = {proposal.key: proposal for proposal in reversed(batch) if not proposal.is_settled}
    first = min((proposal.number for proposal in todo.values()), default=0)
    if todo:
        launch([proposal.words for proposal in reversed(todo.values())], first)


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
