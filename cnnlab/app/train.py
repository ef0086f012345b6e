"""``cnnlab train``: override words to finished runs. A sweep branches off to ``sweep.py``."""

import contextlib
import dataclasses
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import hydra

from cnnlab.app.command import read_command
from cnnlab.app.compose import CONFIG, Composer, chooses_nothing
from cnnlab.app.errors import one_value, plain_errors
from cnnlab.app.overrides import CONF
from cnnlab.app.sweep import plan_sweep, print_plan, run_sweep
from cnnlab.discovery import importing
from cnnlab.registry import CnnlabError, CompositionError
from cnnlab.runs.claim import is_abandoned
from cnnlab.runs.durable import DiskFullError, is_disk_full
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.sweep.prepare_data import ensure_data
from cnnlab.text import first_line
from cnnlab.training.rendezvous import TORCHRUN, Rendezvous, find_rendezvous, refuse_mismatch

if TYPE_CHECKING:
    from cnnlab.training.nodes import Leader


def train(
    words: Sequence[str], *, multirun: bool | None = None, verbose: bool = False
) -> list[RunDir]:
    """Compose, check and run; the runs' folders, finished or failed, in the order of the jobs.

    ``multirun=None`` sweeps if an override asks for several values.

    Raises:
        CnnlabError: the overrides are refused; nothing has been written.
        DiskFullError: there is no room for the next file; the same command continues later.
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint has been saved.
    """
    rendezvous, leader = find_rendezvous(os.environ), None
    with contextlib.ExitStack() as to_the_end:
        if rendezvous is not None and rendezvous.launcher == TORCHRUN and rendezvous.processes > 1:
            leader = _join(rendezvous, to_the_end)
            if leader is None:
                return []
        command = read_command(words, multirun)
        if command.is_sweep:
            if leader is not None:
                raise CnnlabError(f"{TORCHRUN} starts one run; leave it out for a sweep")
            try:
                return run_sweep(command, verbose=verbose)
            except OSError as error:  # not in a run's folder: in that of the sweep, or of a search
                if is_disk_full(error):
                    raise DiskFullError from error
                raise
        job = command.make_job(command.overrides)
        job = dataclasses.replace(job, title=job.run_dir.name, verbose=verbose)
        if leader is None and job.config.trainer.processes == 1:
            rendezvous = None  # srun's tasks may be a sweep's workers
        refuse_mismatch(job.config.trainer, rendezvous)
        if rendezvous is not None and leader is None:
            leader = _join(rendezvous, to_the_end)
            if leader is None:
                return []
        ensure_data([] if job.run_dir.is_done else [job])
        with importing():  # of lightning, which no refusal needs
            from cnnlab.sweep.execute import announce, execute

        announce([job])
        with_others = None if leader is None else leader.train
        state = execute(job, with_others)
        if state is None and not job.run_dir.is_done and is_abandoned(job.run_dir):
            state = execute(job, with_others)
        if state is RunState.DISK_FULL:
            raise DiskFullError(job.run_dir.path.parent)
        if state and state.is_resumable:
            raise KeyboardInterrupt
        return [job.run_dir]


def _join(rendezvous: Rendezvous, to_the_end: contextlib.ExitStack) -> "Leader | None":
    """Join the processes that torchrun or srun has started for one run.

    Returns:
        what leads them, in the first; None in the others, once the run is over.
    """
    with importing():
        from cnnlab.training.nodes import follow, leading

    if rendezvous.rank > 0:
        follow(rendezvous)
        return None
    return to_the_end.enter_context(leading(rendezvous))


def plan(words: Sequence[str], *, multirun: bool | None = None) -> None:
    """Print what ``train`` would do and about how long it would take; do and write nothing.

    Raises:
        CnnlabError: the overrides are refused.
    """
    command = read_command(words, multirun)
    if command.is_sweep:
        plan_sweep(command)
        return
    print_plan([command.make_job(command.overrides)], parallel=1)


def show(words: Sequence[str], flags: Sequence[str], *, multirun: bool = False) -> None:
    """Let Hydra answer its own questions: --cfg job, --info.

    Raises:
        CnnlabError: the words do not compose, or are those of a sweep.
    """
    composer = Composer()
    overrides = composer.read(words)
    shown = [str(o.input_line) for o in overrides if not chooses_nothing(o)]
    is_sweep = any(o.is_sweep_override() for o in overrides)
    if multirun and not is_sweep:
        raise CnnlabError(f"{flags[0]} shows the config of one run; leave out -m")
    main = hydra.main(version_base="1.3", config_path=str(CONF), config_name=CONFIG)(_no_job)
    try:
        if not is_sweep:
            composer(overrides)  # refuses what Hydra's own composing would stumble over
        with _command_line(["cnnlab train", *shown, *flags]):
            main()
    except CompositionError as error:
        raise one_value(error) from error


def _no_job(_: object) -> None:
    """What Hydra would run if it were not asked a question."""


@contextlib.contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    """Let Hydra read these words, and raise its errors instead of printing them and exiting."""
    before, environment = sys.argv, dict(os.environ)
    sys.argv = words
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with plain_errors(), contextlib.redirect_stderr(io.StringIO()) as said:
            yield
    except SystemExit as exit_:  # how Hydra refuses a --package that is not there
        if exit_.code:
            raise CnnlabError(first_line(said.getvalue())) from exit_
    finally:
        sys.argv = before
        os.environ.clear()
        os.environ.update(environment)
