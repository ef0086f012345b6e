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

from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.launchers.gpus import GpuSlots

if TYPE_CHECKING:
    from cnnlab.runs.job import Job

ORPHANED = 0.5  # seconds between two looks at whether the launching process still lives


@dataclass(frozen=True)
class WorkItem:
    """One job for a worker: plain data, the job itself pickled until torch may be loaded."""

    folder: str  # of the run
    title: str
    job: bytes
    environment: dict[str, str]
    slots: GpuSlots | None = None  # of the GPUs, where it is not the engine that deals them
    directory: str = field(default_factory=os.getcwd)
    launcher: int = field(default_factory=os.getpid)


def item(
    job: "Job",
    folder: RunDir,
    title: str,
    environment: dict[str, str],
    slots: GpuSlots | None = None,
) -> WorkItem:
    """Pack a job. Its worker sees cnnlab's own environment variables too, on whatever host."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("CNNLAB_")}
    return WorkItem(str(folder), title, pickle.dumps(job), {**ours, **environment}, slots)


def run_work_item(item: WorkItem) -> str | None:
    """Run the job in this worker process; the state that its run has come to, if it had to run.

    What a job says goes into its run's log; the launching process tells how it stands.
    """
    os.environ.update(item.environment)
    os.chdir(item.directory)
    if item.slots is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = item.slots.acquire()
    _follow(item.launcher)

    from cnnlab.discovery import discover
    from cnnlab.sweep.execute import execute

    discover()  # a worker begins with empty registries
    job: Job = pickle.loads(item.job)
    folder = RunDir(item.folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    with (
        folder.log_file.open("a", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        state = execute(job, folder, item.title)
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
