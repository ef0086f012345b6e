"""From override words to finished runs: Hydra composes, every job is checked, each is run.

Hydra calls ``job`` for one run and, through our sweeper, ``expand`` and ``admit`` for a sweep.
"""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig, OmegaConf

from cnnlab.compose import compose, publish
from cnnlab.discovery import discover
from cnnlab.execute import VERBOSE, StopSweep, execute
from cnnlab.job import Job, key_values, prepare
from cnnlab.overrides import CONF, going_on, shielded, split_flags
from cnnlab.refusals import COMPOSING_ERRORS, refusal
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.sweep import sweep_name
from cnnlab.search.options import SearchOptions
from cnnlab.search.options import parse as parse_options

JOBS = "CNNLAB_JOBS"  # how many jobs the sweep launches; told to workers too


__all__ = [
    "admit",
    "compose",
    "expand",
    "job",
    "publish",
    "search",
    "show",
    "split_flags",
    "train",
]


@dataclass
class _Session:
    """What the present call of ``train`` has come to."""

    folders: list[Path] = field(default_factory=list)
    refusal: CnnlabError | None = None


_session = _Session()


def train(
    overrides: Sequence[str], *, multirun: bool | None = None, verbose: bool = False
) -> list[RunDir]:
    """Compose, check and run; the runs' folders, finished or failed, in the order of the jobs.

    ``multirun=None`` sweeps if an override asks for several values.

    Raises:
        CnnlabError: the overrides are refused; nothing has been written.
    """
    discover()
    publish()
    words = going_on(shielded(overrides))
    parsed = _parse(words)
    if multirun is None:
        multirun = any(override.is_sweep_override() for override in parsed)
    if not any(o.key_or_group == "sweep.name" for o in parsed):
        name = sweep_name(key_values(words)) if multirun else "single"
        words.append(f"sweep.name={name}")
    _session.folders, _session.refusal = [], None
    if verbose:
        os.environ[VERBOSE] = "1"
    run_hydra([*words, "--multirun"] if multirun else words)
    if _session.refusal is not None:
        raise _session.refusal
    return [RunDir(path) for path in _session.folders]


def show(overrides: Sequence[str], flags: Sequence[str]) -> None:
    """Hand Hydra's own questions on: --help, --cfg job, --info."""
    discover()
    publish()
    run_hydra([*going_on(shielded(overrides)), *flags])


def run_hydra(arguments: Sequence[str]) -> None:
    """Call Hydra with these words as its command line.

    Raises:
        CnnlabError: the words do not compose.
    """
    main = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)
    try:
        with _command_line(["cnnlab train", *arguments]), contextlib.suppress(StopSweep):
            main()
    except COMPOSING_ERRORS as error:
        raise refusal(error) from error


@contextlib.contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    """Let Hydra read these words, and raise its errors instead of printing them and exiting."""
    kept, environment = sys.argv, dict(os.environ)
    sys.argv = words
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = kept
        os.environ.clear()
        os.environ.update(environment)


def job(composed: DictConfig) -> str:
    """What Hydra runs: one job, whose folder tells all that came of it. Returns the folder."""
    discover()  # a worker process begins with empty registries
    context = HydraConfig.get()
    count = os.environ.get(JOBS)
    try:
        prepared = prepare(composed, context)
    except CnnlabError as error:
        if count:
            raise
        _session.refusal = error  # not through Hydra, which would print its own lines about it
        return ""
    folder = prepared.folder()
    title = f"{context.job.num + 1}/{count} {folder.name}" if count else folder.name
    callbacks: Sequence[Callback] = []
    if (trial := _trial_of(context)) is not None:
        from cnnlab.search.pruning import trial_callbacks

        title = f"trial {trial.trial} of {count} {folder.name}"
        callbacks = trial_callbacks(trial, folder.path.parent)
    if not count:
        _session.folders.append(folder.path)
    execute(prepared, folder, title, callbacks)
    return str(folder)


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
    compose: Callable[[list[str]], DictConfig],
    overrides: Sequence[Override],
) -> list[list[str]]:
    """Compose and check every job of a sweep; return those that still have to run.

    Raises:
        CnnlabError: a job is refused; all the refused ones are listed, and nothing is written.
    """
    by_glob = any(o.key_or_group == "model" and isinstance(o.value(), Glob) for o in overrides)
    refused: list[str] = []
    left_out: dict[str, str] = {}
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
                refused.append(f"{' '.join(_shown(words))}: {message}")
            continue
        if prepared.identity.key in seen:
            continue
        seen.add(prepared.identity.key)
        folder = prepared.folder()
        _session.folders.append(folder.path)
        if not folder.is_done:
            todo.append(words)
    if refused or not seen:
        lines = refused or [f"{model}: {why}" for model, why in left_out.items()]
        raise CnnlabError(
            f"{len(lines)} of {len(jobs)} jobs refused; nothing was started\n  "
            + "\n  ".join(lines)
        )
    for model, why in left_out.items():
        print(f"left out {model}: {why}", file=sys.stderr)
    if len(todo) < len(seen):
        print(f"{len(seen) - len(todo)} of {len(seen)} jobs are done already", file=sys.stderr)
    os.environ[JOBS] = str(len(todo))
    return todo


def search(
    overrides: Sequence[Override],
    options: SearchOptions,
    compose: Callable[[list[str]], DictConfig],
    run_jobs: Callable[[list[list[str]], int], object],
) -> None:
    """Search by Optuna where a sweep would walk a grid; what it chooses is the command's outcome.

    Raises:
        CnnlabError: the search is refused, and nothing was started.
    """
    from cnnlab.search.search import search as run_search
    from cnnlab.search.space import read_space

    def checked(words: list[str]) -> Job:
        composed = compose(words)
        return prepare(composed, composed.hydra)

    os.environ[JOBS] = str(options.n_trials)
    chosen = run_search(read_space(overrides), options, checked, run_jobs)
    _session.folders = [run.path for run in chosen]


def _trial_of(context: HydraConf) -> SearchOptions | None:
    """The options of the search that a job is a trial of, if it is one."""
    node = OmegaConf.to_container(context.sweeper, resolve=True)
    if not isinstance(node, dict) or node.get("trial") is None:
        return None
    return parse_options({str(key): value for key, value in node.items()})


def _shown(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith(("sweep.name=", "runs_dir="))]


def _parse(words: Sequence[str]) -> list[Override]:
    try:
        return list(OverridesParser.create().parse_overrides([w for w in words if w[:1] != "-"]))
    except COMPOSING_ERRORS as error:
        raise refusal(error) from error
