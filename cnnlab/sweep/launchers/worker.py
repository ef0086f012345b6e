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

from cnnlab.runs.durable import is_disk_full
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.sweep.launchers.gpus import GpuSlots

if TYPE_CHECKING:
    from cnnlab.runs.job import Job

POLL_SECONDS = 0.5  # between two looks at whether the launching process is alive


@dataclass(frozen=True)
class WorkItem:
    """One job for a worker: plain data, the job itself pickled until torch may be loaded.

    Attributes:
        folder: of the run.
        slots: GPUs to choose from, where the engine does not assign them.
        launcher: the process that launched it.
    """

    folder: str
    title: str
    job: bytes
    environment: dict[str, str]
    slots: GpuSlots | None = None
    directory: str = field(default_factory=os.getcwd)
    launcher: int = field(default_factory=os.getpid)


def pack(job: "Job", environment: dict[str, str], slots: GpuSlots | None = None) -> WorkItem:
    """A job for a worker, which gets cnnlab's own environment variables too, on any host."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("CNNLAB_")}
    content, folder = pickle.dumps(job), str(job.run_dir)
    return WorkItem(folder, job.title, content, {**ours, **environment}, slots)


def run_work_item(item: WorkItem) -> RunState | None:
    """Run the job in this worker process; the final state of its run, None if it did not run.

    What a job prints goes into its run's log; the launching process shows the progress.
    """
    os.environ.update(item.environment)
    os.chdir(item.directory)
    if item.slots is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = item.slots.acquire()
    _follow(item.launcher)

    from cnnlab.discovery import discover, importing

    with importing():
        from cnnlab.sweep.execute import execute

        discover()  # a worker begins with empty registries
    job: Job = pickle.loads(item.job)
    folder = RunDir(item.folder)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        with (
            folder.log_file.open("a", encoding="utf-8") as log,
            redirect_stdout(log),
            redirect_stderr(log),
        ):
            state = execute(job)
    except OSError as error:
        if not is_disk_full(error):
            raise
        state = RunState.DISK_FULL
    if _orphaned.is_set():
        os._exit(0)  # nobody waits for the result or sends another job
    return state


_orphaned = threading.Event()  # the launching process has died


def _follow(launcher: int) -> None:
    """Leave Ctrl-C to the launching process, which forwards it once; end when that dies."""
    if os.getppid() != launcher or any(t.name == "cnnlab-follow" for t in threading.enumerate()):
        return
    if sys.platform != "win32":
        os.setpgid(0, 0)
    threading.Thread(target=_watch, args=(launcher,), name="cnnlab-follow", daemon=True).start()


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(POLL_SECONDS)
    _orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)  # a job at work saves a checkpoint first
