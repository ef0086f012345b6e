"""A sweep or a search: every job composed and checked before the first one is run."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Glob
from omegaconf import DictConfig, OmegaConf

from cnnlab.app.command import Command
from cnnlab.app.grid import ends_of_grid, expand_grid, num_jobs
from cnnlab.app.overrides import as_typed_word
from cnnlab.app.prepare import implied_words
from cnnlab.data.scan import scanned_once
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.launchers import options as launchers
from cnnlab.sweep.prepare_data import ensure_data
from cnnlab.sweep.search import options as search
from cnnlab.text import first_line, plural
from cnnlab.training.rendezvous import refuse_nodes_in_sweep

if TYPE_CHECKING:
    from cnnlab.sweep.search.space import Space

MAX_PLANNED = 1_000  # a job takes 0.03 s or more to compose and check
MAX_LINES, MAX_SHOWN = 3, 8  # of a refusal, and jobs in each of its lines


def run_sweep(command: Command, *, verbose: bool) -> list[RunDir]:
    """Check the jobs, run what is not done; the runs' folders in the order of the jobs.

    Raises:
        CnnlabError: a job is refused; nothing was started.
        KeyboardInterrupt: Ctrl-C or SIGTERM; checkpoints have been saved.
    """
    node = command.composed_options()
    launcher = _launcher(node)
    if node.runtime.choices["hydra/sweeper"] == "optuna":
        return _search(command, search.parse(_to_dict(node.sweeper)), launcher, verbose=verbose)
    jobs = unique(check_jobs(command))
    for job in jobs:
        refuse_nodes_in_sweep(job.config.trainer.nodes)
    todo = [job for job in jobs if not job.run_dir.is_done]
    if len(todo) < len(jobs):
        print(f"{len(jobs) - len(todo)} of {len(jobs)} jobs are already done", file=sys.stderr)
    ensure_data(todo)
    titled = [
        dataclasses.replace(job, title=f"{number}/{len(todo)} {job.run_dir.name}", verbose=verbose)
        for number, job in enumerate(todo, 1)
    ]
    from cnnlab.sweep.execute import announce
    from cnnlab.sweep.launchers.dispatch import dispatch  # loads lightning

    announce(titled)
    dispatch(titled, launcher)
    return [job.run_dir for job in jobs]


def plan_sweep(command: Command) -> None:
    """Print the jobs of a sweep or what a search would cost.

    Raises:
        CnnlabError: a job is refused.
    """
    node = command.composed_options()
    launcher = _launcher(node)
    from cnnlab.sweep.launchers.resources import max_parallel

    if node.runtime.choices["hydra/sweeper"] != "optuna":
        if (number := num_jobs(command)) > MAX_PLANNED:
            _print_count(command, number)
            return
        jobs = check_jobs(command)
        print_plan(jobs, max_parallel(launcher, jobs))
        return
    from cnnlab.sweep.plan.search import print_search_plan
    from cnnlab.sweep.search.search import check_corners
    from cnnlab.sweep.search.study import count_finished

    options = search.parse(_to_dict(node.sweeper))
    corners = check_corners(_space(command), options, _from_words(command))
    parallel = min(options.n_jobs, max_parallel(launcher, corners * options.n_jobs))
    finished = count_finished(corners[0].run_dir.path.parent, options)
    ensure_data(corners if finished < options.n_trials else [], write=False)
    print_search_plan(corners, options.n_trials, finished, parallel)


def print_plan(jobs: Sequence[Job], parallel: int) -> None:
    """Measure the jobs' configurations and print the plan; ``parallel`` jobs run at a time."""
    from cnnlab.sweep.plan import table
    from cnnlab.sweep.plan.plan import make_plan

    ensure_data((job for job in jobs if not job.run_dir.is_done), write=False)
    print("measuring a few steps of each configuration ...", file=sys.stderr)
    table.print_plan(make_plan(jobs, parallel))


def _print_count(command: Command, number: int) -> None:
    """Say how many jobs there are, with only the first and the last of them checked."""
    first, last = (command.make_job(overrides) for overrides in ends_of_grid(command))
    ensure_data([first, last], write=False)
    print(
        f"{number:,} jobs, more than the {MAX_PLANNED:,} that --plan composes and measures\n"
        f"first {first.run_dir}\nlast  {last.run_dir}"
    )


@scanned_once()
def check_jobs(command: Command) -> list[Job]:
    """Every job of a grid, composed and checked; jobs of the same run are all in it.

    A model that ``glob`` matched but that cannot be trained with these options is left out.

    Raises:
        CnnlabError: a job is refused; all the refused ones are listed.
    """
    by_glob = any(
        o.key_or_group == "model" and isinstance(o.value(), Glob) for o in command.overrides
    )
    grid = expand_grid(command)
    implied = implied_words(command.overrides)
    refused: dict[str, str] = {}  # by the job's words
    left_out: dict[str, str] = {}  # by the model
    jobs: list[Job] = []
    for overrides in grid:
        words = [str(o.input_line) for o in overrides]
        try:
            job = command.make_job(overrides)
            if by_glob and MODELS[job.config.model["name"]].task != "classify":
                raise CnnlabError("model is not a classifier")
        except CnnlabError as error:
            message = str(error)
            if by_glob and message.startswith("model"):
                left_out[next(word for word in words if word.startswith("model="))] = message
            else:
                typed = [o for o in overrides if str(o.input_line) not in implied]
                typed = [o for o in typed if o.key_or_group not in ("sweep.name", "runs_dir")]
                refused[" ".join(as_typed_word(o) for o in typed)] = message
            continue
        jobs.append(job)
    if refused or not jobs:
        if len(grid) == len(refused) and len(set(refused.values())) == 1:
            raise CnnlabError(next(iter(refused.values())))  # nothing that is swept makes it so
        raise CnnlabError(_refusal(refused or left_out, len(grid)))
    for model, reason in left_out.items():
        print(f"left out {model}: {reason}", file=sys.stderr)
    return jobs


def _refusal(reasons: Mapping[str, str], number: int) -> str:
    """Three lines at most: how many of the jobs, and which of them for which reasons."""
    jobs_of: dict[str, list[str]] = {}
    for job, reason in reasons.items():
        jobs_of.setdefault(first_line(reason), []).append(job)
    lines = [f"{len(reasons)} of {number} jobs refused; nothing was started"]
    for reason, jobs in jobs_of.items():
        if len(jobs) == 1:
            reason = reason.removeprefix(f"{jobs[0]}: ")
        more = f" and {len(jobs) - MAX_SHOWN} more" if len(jobs) > MAX_SHOWN else ""
        lines.append(f"  {', '.join(jobs[:MAX_SHOWN])}{more}: {reason}")
    if len(lines) > MAX_LINES:
        others = plural(len(jobs_of) - (MAX_LINES - 1), "other reason")
        lines[MAX_LINES - 1 :] = [f"{lines[MAX_LINES - 1]} (and {others})"]
    return "\n".join(lines)


def unique(jobs: Iterable[Job]) -> list[Job]:
    """One job for each run, the first that asks for it."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.identity.key, job)
    return list(first.values())


def _search(
    command: Command, options: search.SearchOptions, launcher: launchers.Options, *, verbose: bool
) -> list[RunDir]:
    from cnnlab.sweep.search.search import search as run_search

    make_job = _from_words(command, verbose=verbose)
    return run_search(_space(command), options, make_job, launcher)


def _from_words(command: Command, *, verbose: bool = False) -> Callable[[list[str]], Job]:
    """What makes a job of the words of a point of the space."""

    def make_job(words: list[str]) -> Job:
        job = command.make_job(command.composer.parse(words))
        return dataclasses.replace(job, verbose=verbose)

    return make_job


def _space(command: Command) -> "Space":
    from cnnlab.sweep.search.space import read_space

    return read_space(command.overrides)


def _launcher(node: DictConfig) -> launchers.Options:
    return launchers.parse(str(node.runtime.choices["hydra/launcher"]), _to_dict(node.launcher))


def _to_dict(node: DictConfig) -> dict[str, object]:
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}
