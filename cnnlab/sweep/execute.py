"""Run one checked job in its folder, under a claim; how it ended is written there."""

import contextlib
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import ClaimLostError, claimed, ensure_claimed
from cnnlab.runs.diagnose import STOPPED
from cnnlab.runs.durable import DiskFullError, is_disk_full
from cnnlab.runs.job import Job
from cnnlab.runs.read_file import reason
from cnnlab.runs.state import RunState, may_run
from cnnlab.runs.status import state_of
from cnnlab.sweep.begin import begin, facts
from cnnlab.text import first_line
from cnnlab.training.isolation import isolated
from cnnlab.training.processes import run_in_processes
from cnnlab.training.run import run
from cnnlab.training.stopping import ProcessKilledError, Pruned, Stopped, TrainingDivergedError

log = logging.getLogger("cnnlab")
# In a RuntimeError: torch has its own class only for the memory of its GPU allocators.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def execute(job: Job, train: Callable[[Job], None] | None = None) -> RunState | None:
    """Run the job; its final state. None: it is done, or another process is running it.

    A failure or a stop is written into the folder, printed in a line, and not raised. A full disk
    may leave room for neither: the state alone says so.

    Args:
        train: trains a job that this process has claimed, in processes that are there already;
            None: here, or in processes that are started for ``trainer.devices``.
    """
    folder = job.run_dir
    try:
        before, _ = state_of(folder)
        if not may_run(before, retry=job.config.sweep.retry):
            failed = f"{before} before, not retried (sweep.retry=false)"
            answer = failed if before.is_failure else "already done"
            print(f"{job.title}: {answer}", file=sys.stderr)
            return None
        with claimed(folder) as other:
            if other is not None:
                print(f"{job.title}: already being run by {other}", file=sys.stderr)
            elif not folder.is_done:  # another process may have finished it since
                in_processes = job.config.trainer.devices > 1
                return _train(
                    job, _begin(job), train or (run_in_processes if in_processes else run)
                )
        return None
    except (OSError, CnnlabError) as error:  # of its folder; the other jobs are run
        if is_disk_full(error):
            return RunState.DISK_FULL
        print(f"{job.title} {RunState.FAILED}: {_fault(job, error)}", file=sys.stderr)
        return RunState.FAILED


def _fault(job: Job, error: OSError | CnnlabError) -> str:
    where = "" if isinstance(error, CnnlabError) else f"{error.filename or job.run_dir}: "
    return f"{where}{reason(error)}"


def _record_no_start(job: Job, error: OSError | CnnlabError) -> None:
    """Record in the folder of an earlier run why it cannot continue."""
    if is_disk_full(error) or not job.run_dir.status():
        return
    with contextlib.suppress(OSError):  # of the folder, which may be the reason
        fault, now = _fault(job, error), time.time()
        job.run_dir.update_status(state=RunState.FAILED, error=fault, finished=now, **facts(job))


def _begin(job: Job) -> list[str]:
    try:
        return begin(job)
    except (OSError, CnnlabError) as error:
        _record_no_start(job, error)
        raise


def announce(jobs: Iterable[Job]) -> None:
    """Print what is known of data in the user's own files that these jobs will read."""
    for note in dict.fromkeys(n for job in jobs if not job.run_dir.is_done for n in job.notes):
        print(note, file=sys.stderr)


def _train(job: Job, lines: Iterable[str], train: Callable[[Job], None]) -> RunState | None:
    """Train; the run's final state, None where another process has taken it over.

    Args:
        lines: of the log, before all others.
    """
    folder = job.run_dir
    with isolated(), _logging_to(folder.log_file):
        for line in lines:
            log.warning("%s", line)
        log.info("%s %s", "resumed" if folder.last_checkpoint.is_file() else "started", folder.name)
        try:
            train(job)
        except BaseException as error:
            state = final_state(error)
            is_lost = _lost(job)
            if not is_lost:
                _record_failure(job, error, state)
            # frames hold the model and the data, also those of the errors behind this one
            for cause in (error, error.__cause__, error.__context__):
                if cause is not None:
                    traceback.clear_frames(cause.__traceback__)
            if is_lost:
                return None
        else:
            state = RunState.DONE
            folder.update_status(state=state, finished=time.time(), **facts(job))
            log.info("done %s", folder.name)
    return state


def _lost(job: Job) -> bool:
    """Whether another process has the run by now: its folder is left as that one has it."""
    try:
        ensure_claimed(job.run_dir)
    except ClaimLostError as lost:
        print(f"{job.title}: stopped: {lost}", file=sys.stderr)
        return True
    return False


def final_state(error: BaseException) -> RunState:
    """The state in which an error leaves a run."""
    if isinstance(error, Stopped):
        is_ctrl_c = error.signal == signal.SIGINT
        return RunState.INTERRUPTED if is_ctrl_c else RunState.PREEMPTED
    if isinstance(error, Pruned):
        return RunState.PRUNED
    if is_disk_full(error):
        return RunState.DISK_FULL
    # Lightning turns Ctrl-C into SystemExit
    if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
        return RunState.INTERRUPTED
    if isinstance(error, ProcessKilledError):
        return RunState.KILLED
    if isinstance(error, TrainingDivergedError):
        return RunState.DIVERGED
    says_so = isinstance(error, RuntimeError) and any(
        phrase in str(error).lower() for phrase in OUT_OF_MEMORY
    )
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or says_so:
        return RunState.OUT_OF_MEMORY
    return RunState.FAILED


def _record_failure(job: Job, error: BaseException, state: RunState) -> None:
    folder, message = job.run_dir, str(error) or type(error).__name__
    summary = (
        message
        if isinstance(error, (CnnlabError, Stopped, Pruned, ProcessKilledError))
        else f"{type(error).__name__}: {message}"
    )
    if state is RunState.DIVERGED:
        last = folder.last_checkpoint
        saved = f"the last good checkpoint is {last}" if last.is_file() else "no checkpoint yet"
        summary = f"{summary}; {saved}"
    if state is RunState.OUT_OF_MEMORY:
        summary = f"{first_line(summary)} (try a smaller batch_size with trainer.accumulate)"
    if state is RunState.DISK_FULL:
        summary = str(DiskFullError())
    is_stop = isinstance(error, (Stopped, Pruned))  # requested: no traceback is needed
    text = "" if is_stop else "".join(traceback.format_exception(error))
    level = logging.INFO if state in STOPPED else logging.ERROR
    log.log(level, "%s %s\n%s", state, folder.name, text or summary)
    if state is RunState.DISK_FULL:
        text = ""  # what is short may still find room
    end = {"state": state, "finished": time.time(), "error": summary, "traceback": text}
    folder.update_status(**facts(job), **end)
    if state is not RunState.DISK_FULL:  # which ends the command with the same words
        print(f"{job.title} {state}: {first_line(summary)}", file=sys.stderr)
    if os.environ.get("CNNLAB_DEBUG") == "1":
        print(text, file=sys.stderr)


class _RunLog(logging.FileHandler):
    def handleError(self, _: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """A full disk ends the run where it matters; the log is not worth a traceback."""


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Send what is logged or warned during a job to its own file."""
    handler = _RunLog(path, encoding="utf-8")
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
        with contextlib.suppress(OSError):  # what a full disk has not taken
            handler.close()
