"""The states of a run, and which of them a command trains."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """What status.json says of a run, in the order of a listing.

    ``KILLED`` is derived, but for a run of several processes of which one was killed: the file says
    running and no process runs it, or it says done and there is no result. ``NOT_STARTED``, never
    written, stands for a missing or unreadable file.
    """

    RUNNING = "running"
    DONE = "done"
    PRUNED = "pruned"  # a search stopped it early
    FAILED = "failed"
    DIVERGED = "diverged"  # the loss is no longer a finite number
    OUT_OF_MEMORY = "out of memory"
    INTERRUPTED = "interrupted"  # Ctrl-C
    PREEMPTED = "preempted"  # SIGTERM, or the scheduler's time limit
    DISK_FULL = "disk full"
    KILLED = "killed"
    NOT_STARTED = "not started"

    @classmethod
    def recorded(cls, status: Mapping[str, Any]) -> "RunState":
        """The state in the content of a status.json; not started where it names none."""
        word = status.get("state")
        return cls(word) if word in list(cls) else cls.NOT_STARTED

    @property
    def is_failure(self) -> bool:
        """Whether the run ended with an error; ``cnnlab runs --clean`` removes such runs."""
        return self in (RunState.FAILED, RunState.DIVERGED, RunState.OUT_OF_MEMORY)

    @property
    def is_resumable(self) -> bool:
        """Whether the run was cut short; training continues from its last checkpoint."""
        return self in (
            *(RunState.INTERRUPTED, RunState.PREEMPTED, RunState.DISK_FULL, RunState.KILLED),
        )


def may_run(state: RunState, *, retry: bool) -> bool:
    """Whether a command trains a run that is in this state.

    True of a running one, too: its claim keeps other processes away until it stops.

    Args:
        state: as of ``status.state_of``.
        retry: ``sweep.retry``: whether failed runs are retried.
    """
    return state is not RunState.DONE and (retry or not state.is_failure)
