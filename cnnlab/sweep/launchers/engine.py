"""What a launch needs of joblib, submitit or Ray: to take items and to say which have ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cnnlab.sweep.launchers.worker import WorkItem


@dataclass(frozen=True)
class Ended:
    """A item whose worker is through with it, or has died.

    ``state`` is what its run has come to, None where there was nothing to do; ``error`` says why
    no answer came.
    """

    item: WorkItem
    state: str | None = None
    error: str | None = None


def last_words(error: BaseException) -> str:
    """The last line of what an error says, which is the error itself where it holds a traceback."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


class Engine(Protocol):
    """Somebody else's pool of workers."""

    max_parallel: int  # items that it is to hold; the rest waits here
    takes_signals: bool  # its workers are processes of this host; else ``cancel`` reaches them

    def submit(self, items: Sequence[WorkItem]) -> None:
        """Take items on."""

    def ended(self, timeout: float) -> list[Ended]:
        """The items that have ended since; waits up to ``timeout`` seconds for the first."""

    def cancel(self) -> None:
        """Drop what waits for a worker; ask those that signals do not reach to save and stop."""

    def kill(self) -> None:
        """Stop at once."""
