"""The interface of joblib, submitit and Ray: submit work items, report which have ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cnnlab.runs.state import RunState
from cnnlab.sweep.launchers.worker import WorkItem


@dataclass(frozen=True)
class Ended:
    """A work item whose worker has finished or died.

    Attributes:
        state: final state of its run; None where there was nothing to run.
        error: why the worker gave no answer.
    """

    item: WorkItem
    state: RunState | None = None
    error: str | None = None


def last_line(error: BaseException) -> str:
    """The last line of an error's text: the error itself, where the text is a whole traceback."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


class Engine(Protocol):
    """A pool of workers of another library.

    Attributes:
        max_parallel: items to submit at a time; the others wait in the supervisor.
        takes_signals: its workers are processes of this host; others are reached by ``cancel``.
    """

    max_parallel: int
    takes_signals: bool

    def submit(self, items: Sequence[WorkItem]) -> None:
        """Start items."""

    def ended(self, timeout: float) -> list[Ended]:
        """The items that ended since the last call; waits up to ``timeout`` seconds for one."""

    def cancel(self) -> None:
        """Drop items without a worker; ask workers that signals do not reach to save and stop."""

    def kill(self) -> None:
        """Stop at once."""
