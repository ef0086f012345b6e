"""The search: start trials, dispatch their jobs, tell the study, until there are enough."""

import sys
from collections import Counter
from collections.abc import Sequence

from optuna.distributions import FloatDistribution
from optuna.study import Study
from optuna.trial import TrialState

from cnnlab.metrics import describe_column, metric_of_column
from cnnlab.registry import CnnlabError, CompositionError
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.execute import announce
from cnnlab.sweep.launchers.dispatch import dispatch
from cnnlab.sweep.launchers.options import Options
from cnnlab.sweep.prepare_data import ensure_data
from cnnlab.sweep.search.leases import TrialLeases
from cnnlab.sweep.search.options import KEY, SearchOptions
from cnnlab.sweep.search.report import report
from cnnlab.sweep.search.sampler import GridInOrder, make_sampler
from cnnlab.sweep.search.space import Space
from cnnlab.sweep.search.study import count_finished, open_study
from cnnlab.sweep.search.trials import (
    MakeJob,
    TrialJob,
    job_words,
    make_trial_job,
    record_outcome,
    wait_for_run,
)
from cnnlab.training.rendezvous import refuse_nodes_in_sweep


def search(
    space: Space, options: SearchOptions, make_job: MakeJob, launcher: Options
) -> list[RunDir]:
    """Run or finish the search of a sweep folder; the run that it chooses at the end.

    Chosen is the best trial, or with several objectives the one on the Pareto front that is best
    in the first. It alone is then tested. Where no trial is complete, the failed runs are returned.

    Raises:
        CnnlabError: the search is refused; no trial was started.
    """
    sampler = make_sampler(options, space)
    corners = check_corners(space, options, make_job)
    announce(corners)
    sweep = corners[0].run_dir.path.parent
    limit = options.n_trials
    if isinstance(sampler, GridInOrder):
        limit = min(limit, len(sampler.points))
    ensure_data(corners if count_finished(sweep, options) < limit else [])
    study = open_study(sweep, options, space, sampler)
    _print_progress(study, limit)
    leases = TrialLeases(study, sweep)
    with leases.heartbeat():
        is_stopped = False  # by sweep.fail_fast
        while not is_stopped:
            batch = _batch(leases, space, options, make_job, limit)
            if not batch and not leases.watch():
                break
            is_stopped = not dispatch(_to_run(batch), launcher)
            for trial_job in batch:
                wait_for_run(trial_job)
                with leases.owned(trial_job.number) as is_ours:
                    if is_ours:
                        record_outcome(study, trial_job, options, is_stopped=is_stopped)
    return report(study, sweep, space, options, limit)


def check_corners(space: Space, options: SearchOptions, make_job: MakeJob) -> list[Job]:
    """Check the corners of the space, before anything is written; the jobs that are possible.

    Raises:
        CnnlabError: none is possible, or the objectives cannot be measured.
    """
    possible: list[Job] = []
    refused: list[str] = []
    for point in space.probes():
        try:
            possible.append(make_job(job_words(space, point)))
        except CompositionError:  # an unknown name or key, at whatever point
            raise
        except CnnlabError as error:
            _refuse_real_numbers(space, error)
            refused.append(f"{' '.join(space.words(point))}: {error}")
    if not possible:
        raise CnnlabError(f"no point of the space is possible; nothing was started\n  {refused[0]}")
    if refused:
        print(
            f"{len(refused)} of {len(refused) + len(possible)} points checked beforehand are "
            f"impossible and would count as failed trials; the first:\n  {refused[0]}",
            file=sys.stderr,
        )
    for job in possible:
        _check_objectives(job, options)
    return possible


def _refuse_real_numbers(space: Space, error: CnnlabError) -> None:
    """Almost every point of such an interval would fail."""
    key = str(error).partition("=")[0]
    distribution = space.distributions.get(key)
    if isinstance(distribution, FloatDistribution) and "whole number" in str(error):
        low, high = distribution.low, distribution.high
        raise CnnlabError(f"{error}: {key}='int(interval({low:g}, {high:g}))'") from error


def _check_objectives(job: Job, options: SearchOptions) -> None:
    task = job.config.task
    if "val_acc" in options.objectives and "val_acc" not in task.val_columns:
        name = job.config.model["name"]
        raise CnnlabError(f"{KEY}.objectives: model={name} has no val_acc; use {task.metric}")
    refuse_nodes_in_sweep(job.config.trainer.nodes)
    if options.pruner != "none" and job.config.trainer.devices > 1:
        raise CnnlabError(f"{KEY}.pruner={options.pruner} needs trainer.devices=1")


def _batch(
    leases: TrialLeases, space: Space, options: SearchOptions, make_job: MakeJob, limit: int
) -> list[TrialJob]:
    """Up to ``n_jobs`` trials; empty when none is left."""
    batch: list[TrialJob] = []
    while len(batch) < options.n_jobs and (trial := leases.acquire(limit)) is not None:
        trial_job = make_trial_job(trial, space, make_job, options)
        if trial_job is not None:
            batch.append(trial_job)
    return batch


def _to_run(batch: Sequence[TrialJob]) -> list[Job]:
    """What is left to run, each run once: two trials may be at the same point."""
    jobs = {t.job.identity.key: t.job for t in reversed(batch) if not t.is_finished}
    return list(reversed(jobs.values()))


def _print_progress(study: Study, limit: int) -> None:
    states = Counter(trial.state for trial in study.get_trials(deepcopy=False))
    finished = sum(count for state, count in states.items() if state.is_finished())
    if states:
        running = states[TrialState.RUNNING]
        words = f", {running} to resume" if running else ""
        print(f"{finished} of {limit} trials are already finished{words}", file=sys.stderr)
    wanted = " and ".join(
        f"{describe_column(name)} ({metric_of_column(name).direction})"
        for name in study.user_attrs["searched"]["objectives"]
    )
    print(f"searching for {wanted}", file=sys.stderr)
