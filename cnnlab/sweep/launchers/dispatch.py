"""The jobs of a sweep, to whatever launcher was chosen; shared with other processes by claims."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.runs.claim import holder
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import FAILED, STOPPED, state_of
from cnnlab.sweep.execute import StopSweep, execute
from cnnlab.sweep.launchers.options import InProcess, Options
from cnnlab.sweep.launchers.resources import Launch, launch_for
from cnnlab.sweep.launchers.supervise import Supervisor
from cnnlab.sweep.launchers.worker import item

POLL_SECONDS = 1.0  # seconds between two looks at runs that others are at


@dataclass(frozen=True)
class Assignment:
    """A job, where its run lies, and what it is called on the way."""

    job: Job
    folder: RunDir
    title: str


def dispatch(assignments: Sequence[Assignment], options: Options) -> None:
    """Run the jobs; what another process is at is waited for, and taken up if that one stops.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same command goes on from there.
        StopSweep: a run failed, and ``sweep.fail_fast`` asks to stop then.
        CnnlabError: the launcher cannot give the jobs what they ask for; nothing was started.
    """
    if not assignments:
        return
    launch = (
        None
        if isinstance(options, InProcess)
        else launch_for(options, [a.job for a in assignments])
    )
    free, held = list(assignments), list[Assignment]()
    while free or held:
        if launch is None:
            _one_by_one(free)
        else:
            _in_parallel(free, launch)
        held += [a for a in free if not a.folder.is_done and holder(a.folder) is not None]
        free = _freed(held)


def _one_by_one(assignments: Sequence[Assignment]) -> None:
    for assignment in assignments:
        state = execute(assignment.job, assignment.folder, assignment.title)
        if state in STOPPED:
            raise KeyboardInterrupt
        if state in FAILED and assignment.job.config.sweep.fail_fast:
            raise StopSweep


def _in_parallel(assignments: Sequence[Assignment], launch: Launch) -> None:
    items = [item(a.job, a.folder, a.title, launch.environment, launch.slots) for a in assignments]
    fail_fast = any(a.job.config.sweep.fail_fast for a in assignments)
    supervisor = Supervisor(launch.engine, items, fail_fast=fail_fast)
    supervisor.run()
    if supervisor.has_failed:
        raise StopSweep


def _freed(held: list[Assignment]) -> list[Assignment]:
    """Wait until one of the held runs is free and still to do, and take it out of the list."""
    if held:
        print(
            f"waiting for {len(held)} of the runs, which other processes are at; "
            "Ctrl-C leaves them to those",
            file=sys.stderr,
        )
    while held:
        free = [assignment for assignment in held if holder(assignment.folder) is None]
        for assignment in free:
            held.remove(assignment)
        if left := [a for a in free if state_of(a.folder)[0] in STOPPED]:
            return left
        if held:
            time.sleep(POLL_SECONDS)
    return []
