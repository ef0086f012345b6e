"""A job on its way to a worker process, and what the worker does with it.

Nothing here imports torch: the worker must know its threads and its GPUs before that is loaded.
"""

import os
import pickle
import signal
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cnnlab.launchers.shares import Shares
from cnnlab.runs.run_dir import RunDir

if TYPE_CHECKING:
    from cnnlab.job import Job

ORPHANED = 0.5  # seconds between two looks at whether the launching process still lives


@dataclass(frozen=True)
class Ticket:
    """One job for a worker: plain data, the job itself pickled until torch may be loaded."""

    folder: str  # of the run
    title: str
    job: bytes
    environment: dict[str, str]
    shares: Shares | None = None  # of the GPUs, where it is not the engine that deals them
    directory: str = field(default_factory=os.getcwd)
    launcher: int = field(default_factory=os.getpid)


def ticket(
    job: "Job",
    folder: RunDir,
    title: str,
    environment: dict[str, str],
    shares: Shares | None = None,
) -> Ticket:
    """Pack a job. Its worker sees cnnlab's own environment variables too, on whatever host."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("CNNLAB_")}
    return Ticket(str(folder), title, pickle.dumps(job), {**ours, **environment}, shares)


def work(ticket: Ticket) -> str | None:
    """Run the job in this worker process; the state that its run has come to, if it had to run.

    What a job says goes into its run's log; the launching process tells how it stands.
    """
    os.environ.update(ticket.environment)
    os.chdir(ticket.directory)
    if ticket.shares is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ticket.shares.take()
    _follow(ticket.launcher)

    from cnnlab.discovery import discover
    from cnnlab.execute import execute

    discover()  # a worker begins with empty registries
    job: Job = pickle.loads(ticket.job)
    folder = RunDir(ticket.folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    with (
        folder.log_file.open("a", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        state = execute(job, folder, ticket.title)
    if _orphaned.is_set():
        os._exit(0)  # nobody is left to hear of it, or to bring another job
    return state


_orphaned = threading.Event()  # the launching process has died


def _follow(launcher: int) -> None:
    """Leave Ctrl-C to the launching process, which passes it on once; and end when that dies."""
    if os.getppid() != launcher or any(t.name == "cnnlab-follow" for t in threading.enumerate()):
        return
    if sys.platform != "win32":
        os.setpgid(0, 0)
    threading.Thread(target=_watch, args=(launcher,), name="cnnlab-follow", daemon=True).start()


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(ORPHANED)
    _orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)  # a job at work saves a checkpoint first
