"""From override words to finished runs: Hydra composes, every job is checked, each is run."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from cnnlab.app.compose import compose, register_configs
from cnnlab.app.errors import COMPOSING_ERRORS, refusal
from cnnlab.app.overrides import CONF, expand_resume, quote_values, split_flags
from cnnlab.app.prepare import key_values
from cnnlab.app.sweep import SESSION, Session, job
from cnnlab.discovery import discover
from cnnlab.runs.naming import sweep_name
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.execute import VERBOSE, StopSweep

__all__ = ["compose", "plan", "register_configs", "show", "split_flags", "train"]


def train(
    overrides: Sequence[str], *, multirun: bool | None = None, verbose: bool = False
) -> list[RunDir]:
    """Compose, check and run; the runs' folders, finished or failed, in the order of the jobs.

    ``multirun=None`` sweeps if an override asks for several values.

    Raises:
        CnnlabError: the overrides are refused; nothing has been written.
    """
    if verbose:
        os.environ[VERBOSE] = "1"
    return _call(overrides, multirun, Session())


def plan(overrides: Sequence[str], *, multirun: bool | None = None) -> None:
    """Print what ``train`` would do and about how long it would take; do and write nothing.

    Raises:
        CnnlabError: the overrides are refused.
    """
    _call(overrides, multirun, Session(is_plan=True))


def _call(overrides: Sequence[str], multirun: bool | None, session: Session) -> list[RunDir]:
    discover()
    register_configs()
    words = expand_resume(quote_values(overrides))
    parsed = _parse(words)
    if multirun is None:
        multirun = any(override.is_sweep_override() for override in parsed)
    if not any(o.key_or_group == "sweep.name" for o in parsed):
        name = sweep_name(key_values(words)) if multirun else "single"
        words.append(f"sweep.name={name}")
    for part in dataclasses.fields(Session):
        setattr(SESSION, part.name, getattr(session, part.name))
    if multirun:
        # Hydra would set model.depth=20 before it knows which of the swept models is meant: the
        # sweeper reads the words instead, and composes each job of them.
        SESSION.words = [word for word in words if not _is_hydras(word)]
        fixed = [w for w in SESSION.words if w.startswith("experiment=") and "," not in w]
        words = [*filter(_is_hydras, words), *fixed, "--multirun"]
    run_hydra(words)
    if SESSION.refusal is not None:
        raise SESSION.refusal
    return [RunDir(path) for path in SESSION.folders]


def show(overrides: Sequence[str], flags: Sequence[str]) -> None:
    """Hand Hydra's own questions on: --help, --cfg job, --info."""
    discover()
    register_configs()
    run_hydra([*expand_resume(quote_values(overrides)), *flags])


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


def _is_hydras(word: str) -> bool:
    return word.lstrip("+~").startswith(("hydra.", "hydra/"))


def _parse(words: Sequence[str]) -> list[Override]:
    try:
        return list(OverridesParser.create().parse_overrides([w for w in words if w[:1] != "-"]))
    except COMPOSING_ERRORS as error:
        raise refusal(error) from error
