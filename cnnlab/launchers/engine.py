"""What a launch needs of joblib, submitit or Ray: to take tickets and to say which have ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cnnlab.launchers.ticket import Ticket


@dataclass(frozen=True)
class Ended:
    """A ticket whose worker is through with it, or has died.

    ``state`` is what its run has come to, None where there was nothing to do; ``error`` says why
    no answer came.
    """

    ticket: Ticket
    state: str | None = None
    error: str | None = None


def last_words(error: BaseException) -> str:
    """The last line of what an error says, which is the error itself where it holds a traceback."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


class Engine(Protocol):
    """Somebody else's pool of workers."""

    at_a_time: int  # tickets that it is to hold; the rest waits here
    takes_signals: bool  # its workers are processes of this host; else ``cancel`` reaches them

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Take tickets on."""

    def ended(self, timeout: float) -> list[Ended]:
        """The tickets that have ended since; waits up to ``timeout`` seconds for the first."""

    def cancel(self) -> None:
        """Drop what waits for a worker; ask those that signals do not reach to save and stop."""

    def kill(self) -> None:
        """Stop at once."""
