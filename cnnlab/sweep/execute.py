"""Run a checked job in its folder, under a claim; whatever comes of it is written there."""

import contextlib
import dataclasses
import logging
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from cnnlab.discovery import named_imports
from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import claimed
from cnnlab.runs.identity import outdated
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import FAILED
from cnnlab.training.isolation import isolated
from cnnlab.training.module import TrainingDivergedError
from cnnlab.training.processes import run_in_processes
from cnnlab.training.run import run
from cnnlab.training.stopping import Pruned, Stopped

log = logging.getLogger("cnnlab")
VERBOSE = "CNNLAB_VERBOSE"
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class StopSweep(BaseException):
    """No error of a job's, which Hydra would keep to itself while it goes on with the next."""


def execute(job: Job, folder: RunDir, title: str) -> str | None:
    """Run the job; the state it has come to. None: it is done, or another process is at it.

    A failure or a stop is written into the folder, told in a line, and not raised.
    """
    if folder.is_done:
        print(f"{title}: done already", file=sys.stderr)
        return None
    before = folder.status().get("state")
    if before in FAILED and not job.config.sweep.retry:
        print(f"{title}: {before} before, and sweep.retry=false", file=sys.stderr)
        return None
    with claimed(folder) as other:
        if other is not None:
            print(f"{title}: {other} is at it", file=sys.stderr)
        elif not folder.is_done:  # it may have been finished since
            _begin(job, folder)
            return _train(job, folder, title)
    return None


def _begin(job: Job, folder: RunDir) -> None:
    for other, part in outdated(folder, job.identity):
        print(f"the {part}'s source has changed since {other.name}: training anew", file=sys.stderr)
    folder.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    _bring_checkpoint(job, folder)
    folder.write_config(job.config.to_dict())
    folder.update_status(
        state="running",
        started=time.time(),
        error=None,
        traceback=None,
        choices=job.choices,
        identity=job.identity.to_dict(),
        imports=named_imports(),
    )


def _bring_checkpoint(job: Job, folder: RunDir) -> None:
    if job.config.resume is None or folder.last_checkpoint.is_file():
        return
    source = RunDir(Path(job.config.resume).expanduser())
    for file in ("metrics_file", "best_checkpoint", "last_checkpoint"):
        if getattr(source, file).is_file():
            shutil.copy2(getattr(source, file), getattr(folder, file))


def _train(job: Job, folder: RunDir, title: str) -> str:
    """Train; the state that the run has come to."""
    verbose, devices = bool(os.environ.get(VERBOSE)), job.config.trainer.devices
    callbacks: Sequence[Callback] = []
    if job.trial is not None:
        from cnnlab.sweep.search.pruning import trial_callbacks

        callbacks = trial_callbacks(job.trial, folder.path.parent)
    with isolated(), _logging_to(folder.log_file):
        begun = "went on with" if folder.last_checkpoint.is_file() else "started"
        log.info("%s %s", begun, folder.name)
        try:
            if devices > 1:
                run_in_processes(folder, devices, title=title, verbose=verbose)
            else:
                run(dataclasses.replace(job, title=title, verbose=verbose), folder, callbacks)
        except BaseException as error:
            state = _state(error)
            _record_failure(folder, error, state, title)
            # frames hold the model and the data, also those of the errors behind this one
            for cause in (error, error.__cause__, error.__context__):
                if cause is not None:
                    traceback.clear_frames(cause.__traceback__)
        else:
            state = "done"
            folder.update_status(state=state, finished=time.time())
            log.info("done %s", folder.name)
    return state


def _state(error: BaseException) -> str:
    """What to call the end that an error made of a run."""
    if isinstance(error, Stopped):
        return "interrupted" if error.signal == signal.SIGINT else "preempted"
    if isinstance(error, Pruned):
        return "pruned"
    # Lightning turns Ctrl-C into SystemExit
    if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, TrainingDivergedError):
        return "diverged"
    words = str(error).lower()
    if isinstance(error, MemoryError) or any(phrase in words for phrase in OUT_OF_MEMORY):
        return "out of memory"
    return "failed"


def _record_failure(folder: RunDir, error: BaseException, state: str, title: str) -> None:
    message = str(error) or type(error).__name__
    summary = (
        message
        if isinstance(error, (CnnlabError, Stopped, Pruned))
        else f"{type(error).__name__}: {message}"
    )
    if state == "diverged":
        last = folder.last_checkpoint
        kept = f"the last good checkpoint is {last}" if last.is_file() else "no checkpoint yet"
        summary = f"{summary}; {kept}"
    if state == "out of memory":
        summary = f"{summary.splitlines()[0]} (try a smaller batch_size with trainer.accumulate)"
    text = "".join(traceback.format_exception(error))
    log.error("%s %s\n%s", state, folder.name, text)
    fields: dict[str, Any] = {"error": summary, "traceback": text}
    folder.update_status(state=state, finished=time.time(), **fields)
    print(f"{title} {state}: {summary.splitlines()[0]}", file=sys.stderr)
    if os.environ.get("CNNLAB_DEBUG") == "1":
        print(text, file=sys.stderr)


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Send what is logged or warned during a job to its own file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, level = logging.getLogger(), log.level
    root.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        log.setLevel(level)
        root.removeHandler(handler)
        handler.close()
