"""What Hydra calls: one job; and, from our sweepers and launchers, the jobs of a sweep or search.

What comes of it is kept in ``SESSION``, where the command that called Hydra finds it.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Glob, Override
from hydra.types import RunMode
from omegaconf import DictConfig

from cnnlab.app.errors import COMPOSING_ERRORS, refusal
from cnnlab.app.prepare import prepare
from cnnlab.discovery import discover
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import FAILED, STOPPED
from cnnlab.sweep.execute import StopSweep, execute
from cnnlab.sweep.launchers.dispatch import Assignment
from cnnlab.sweep.launchers.dispatch import dispatch as dispatch_jobs
from cnnlab.sweep.launchers.options import Options
from cnnlab.sweep.search.options import SearchOptions

Compose = Callable[[list[str]], DictConfig]


@dataclass
class Session:
    """What the present call of Hydra is for, and what it has come to."""

    is_plan: bool = False  # print what would be done, and do nothing
    words: list[str] = field(default_factory=list)  # the overrides of a sweep, without Hydra's own
    folders: list[Path] = field(default_factory=list)
    refusal: CnnlabError | None = None
    jobs: dict[tuple[str, ...], tuple[Job, RunDir]] = field(default_factory=dict)  # by words
    count: int = 0  # of the jobs that a sweep or search launches


SESSION = Session()


def job(composed: DictConfig) -> str:
    """What Hydra runs for one job; its folder, which tells all that came of it, is returned.

    A sweep comes here by Hydra's own launchers only; by ours it goes through ``hand_out``.
    """
    discover()  # a worker process begins with empty registries
    context = HydraConfig.get()
    is_single = context.mode == RunMode.RUN
    try:
        prepared = prepare(composed, context)
    except CnnlabError as error:
        if not is_single:
            raise
        SESSION.refusal = error  # not through Hydra, which would print its own lines about it
        return ""
    if SESSION.is_plan:
        _print_plan([prepared], None)
        return ""
    folder = prepared.folder()
    if is_single:
        SESSION.folders.append(folder.path)
    state = execute(prepared, folder, folder.name)
    if state in STOPPED:
        raise KeyboardInterrupt
    if state in FAILED and prepared.config.sweep.fail_fast:
        raise StopSweep
    return str(folder)


def hand_out(jobs: Sequence[Sequence[str]], first: int, options: Options) -> None:
    """Launch jobs that have been checked, under the launcher with these options.

    Raises:
        KeyboardInterrupt, StopSweep, CnnlabError: as ``launchers.hand_out`` does.
    """
    assignments = []
    for number, words in enumerate(jobs, first):
        prepared, folder = SESSION.jobs.pop(tuple(words))
        title = f"{number + 1}/{SESSION.count} {folder.name}"
        if prepared.trial is not None:
            title = f"trial {number} of {SESSION.count} {folder.name}"
        assignments.append(Assignment(prepared, folder, title))
    dispatch_jobs(assignments, options)


def expand(overrides: Sequence[Override]) -> list[list[str]]:
    """The jobs of a grid, each a list of words; the last override turns fastest.

    Raises:
        CnnlabError: an override is no grid.
    """
    axes: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            axes[key] = [f"{key}={override.get_value_element_as_str()}"]
        elif override.is_discrete_sweep():
            axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            raise CnnlabError(f"{override.input_line}: a grid needs a list, choice, range or glob")
    return [list(words) for words in itertools.product(*axes.values())]


def admit(
    jobs: Sequence[list[str]],
    compose: Compose,
    overrides: Sequence[Override],
    launcher: Options | None,
) -> list[list[str]]:
    """Compose and check every job of a sweep; return those that still have to run.

    Of a plan none has to. ``launcher`` is None where it is not one of ours.

    Raises:
        CnnlabError: a job is refused; all the refused ones are listed, and nothing is written.
    """
    by_glob = any(o.key_or_group == "model" and isinstance(o.value(), Glob) for o in overrides)
    refused: dict[str, str] = {}  # by the job's words
    left_out: dict[str, str] = {}
    checked: list[Job] = []
    seen: set[str] = set()
    todo: list[list[str]] = []
    for words in jobs:
        try:
            composed = compose(words)
            prepared = prepare(composed, composed.hydra)
            if by_glob and MODELS[prepared.config.model["name"]].task != "classify":
                raise CnnlabError("model is no classifier")
        except (CnnlabError, *COMPOSING_ERRORS) as error:
            message = str(error if isinstance(error, CnnlabError) else refusal(error))
            if by_glob and message.startswith("model"):
                left_out[next(w for w in words if w.startswith("model="))] = message
            else:
                refused[" ".join(_shown(words))] = message
            continue
        checked.append(prepared)
        if prepared.identity.key in seen:
            continue
        seen.add(prepared.identity.key)
        folder = prepared.folder()
        SESSION.folders.append(folder.path)
        if not folder.is_done:
            SESSION.jobs[tuple(words)] = prepared, folder
            todo.append(words)
    if refused or not seen:
        if len(jobs) == len(refused) and len(set(refused.values())) == 1:
            raise CnnlabError(next(iter(refused.values())))  # nothing that is swept makes it so
        lines = [f"{what}: {why}" for what, why in (refused or left_out).items()]
        raise CnnlabError(
            f"{len(lines)} of {len(jobs)} jobs refused; nothing was started\n  "
            + "\n  ".join(lines)
        )
    for model, why in left_out.items():
        print(f"left out {model}: {why}", file=sys.stderr)
    if SESSION.is_plan:
        _print_plan(checked, launcher)
        return []
    if len(todo) < len(seen):
        print(f"{len(seen) - len(todo)} of {len(seen)} jobs are done already", file=sys.stderr)
    SESSION.count = len(todo)
    return todo


def search(
    overrides: Sequence[Override],
    options: SearchOptions,
    compose: Compose,
    run_jobs: Callable[[list[list[str]], int], object],
    launcher: Options | None,
) -> None:
    """Search by Optuna where a sweep would walk a grid; what it chooses is the command's outcome.

    Raises:
        CnnlabError: the search is refused, and nothing was started.
    """
    from cnnlab.sweep.search.search import check_corners
    from cnnlab.sweep.search.search import search as run_search
    from cnnlab.sweep.search.space import read_space
    from cnnlab.sweep.search.study import count_finished

    def checked(words: list[str]) -> Job:
        composed = compose(words)
        prepared = prepare(composed, composed.hydra)
        SESSION.jobs[tuple(words)] = prepared, prepared.folder()
        return prepared

    space = read_space(overrides)
    if SESSION.is_plan:
        from cnnlab.sweep.plan.search import print_search_plan

        ends = check_corners(space, options, checked)
        parallel = min(options.n_jobs, _at_a_time(launcher, ends * options.n_jobs))
        finished = count_finished(ends[0].folder().path.parent, options)
        print_search_plan(ends, options.n_trials, finished, parallel)
        return
    SESSION.count = options.n_trials
    chosen = run_search(space, options, checked, run_jobs)
    SESSION.folders = [run.path for run in chosen]


def _shown(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith(("sweep.name=", "runs_dir="))]


def _print_plan(jobs: Sequence[Job], launcher: Options | None) -> None:
    from cnnlab.sweep.plan.plan import make_plan
    from cnnlab.sweep.plan.table import print_plan

    print("measuring a few steps of each configuration ...", file=sys.stderr)
    print_plan(make_plan(jobs, _at_a_time(launcher, jobs)))


def _at_a_time(launcher: Options | None, jobs: Sequence[Job]) -> int:
    from cnnlab.sweep.launchers.resources import max_parallel

    return 1 if launcher is None else max_parallel(launcher, jobs)
