"""``hydra/launcher=joblib``: joblib's worker processes (loky), which stay for the next job."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from joblib.externals.loky import get_reusable_executor

from cnnlab.launchers.engine import Ended, last_words
from cnnlab.launchers.ticket import Ticket, work

IDLE = 300  # seconds that a worker waits for another job


class JoblibEngine:
    """A pool that is as large as the number of jobs at a time."""

    takes_signals = True

    def __init__(self, at_a_time: int, environment: dict[str, str]) -> None:
        self.at_a_time = at_a_time
        self._environment = environment
        self._futures: dict[Future[str | None], Ticket] = {}

    def submit(self, tickets: Sequence[Ticket]) -> None:
        pool = self._pool()
        self._futures |= {pool.submit(work, ticket): ticket for ticket in tickets}

    def ended(self, timeout: float) -> list[Ended]:
        done = wait(self._futures, timeout, FIRST_COMPLETED).done
        return [_ended(future, self._futures.pop(future)) for future in done]

    def cancel(self) -> None:
        """Every ticket it holds has a worker."""

    def kill(self) -> None:
        self._pool().shutdown(kill_workers=True)

    def _pool(self) -> Any:
        """The same one as before, or a new one where it has lost a worker."""
        return get_reusable_executor(
            max_workers=self.at_a_time, timeout=IDLE, env=self._environment
        )


def _ended(future: Future[str | None], ticket: Ticket) -> Ended:
    error = future.exception()
    if error is None:
        return Ended(ticket, future.result())
    return Ended(ticket, error=last_words(error))
