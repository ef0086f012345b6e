"""The jobs of a sweep, given to the chosen launcher; other processes may share them."""

import sys
import time
from collections.abc import Sequence

from cnnlab.runs.claim import holder
from cnnlab.runs.durable import DiskFullError
from cnnlab.runs.job import Job
from cnnlab.runs.state import RunState
from cnnlab.runs.status import state_of
from cnnlab.sweep.execute import execute
from cnnlab.sweep.launchers.options import InProcess, Options
from cnnlab.sweep.launchers.resources import Launch, launch_for
from cnnlab.sweep.launchers.supervise import Supervisor
from cnnlab.sweep.launchers.worker import pack

POLL_SECONDS = 1.0  # between two looks at runs that other processes are running


def dispatch(jobs: Sequence[Job], options: Options) -> bool:
    """Run the jobs; wait for those that another process runs, and run them if that one stops.

    Returns:
        False where a run failed and ``sweep.fail_fast`` ended the rest.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same command continues from there.
        DiskFullError: every further job would fail as the last one did.
        CnnlabError: the launcher cannot give the jobs what they ask for; nothing was started.
    """
    if not jobs:
        return True
    launch = None if isinstance(options, InProcess) else launch_for(options, jobs)
    waiting, elsewhere = list(jobs), list[Job]()
    while waiting or elsewhere:
        if launch is not None:
            if not _in_parallel(waiting, launch):
                return False
        else:
            for job in waiting:
                state = execute(job)
                if state is RunState.DISK_FULL:
                    raise DiskFullError(job.run_dir.path.parent)
                if state and state.is_resumable:
                    raise KeyboardInterrupt
                if state and state.is_failure and job.config.sweep.fail_fast:
                    return False
        elsewhere += [job for job in waiting if _runs_elsewhere(job)]
        waiting = _wait_for_one(elsewhere)
    return True


def _in_parallel(jobs: Sequence[Job], launch: Launch) -> bool:
    items = [pack(job, launch.environment, launch.slots) for job in jobs]
    fail_fast = any(job.config.sweep.fail_fast for job in jobs)
    supervisor = Supervisor(launch.engine, items, fail_fast=fail_fast)
    supervisor.run()
    return not supervisor.has_failed


def _runs_elsewhere(job: Job) -> bool:
    return not job.run_dir.is_done and holder(job.run_dir) is not None


def _wait_for_one(elsewhere: list[Job]) -> list[Job]:
    """Wait until one of the runs is free and unfinished, and take it out of the list."""
    if elsewhere:
        print(
            f"waiting for {len(elsewhere)} runs of other processes; "
            "Ctrl-C stops waiting and leaves them running",
            file=sys.stderr,
        )
    while elsewhere:
        free = [job for job in elsewhere if holder(job.run_dir) is None]
        for job in free:
            elsewhere.remove(job)
        if unfinished := [job for job in free if state_of(job.run_dir)[0].is_resumable]:
            return unfinished
        if elsewhere:
            time.sleep(POLL_SECONDS)
    return []
