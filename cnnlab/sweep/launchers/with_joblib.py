"""``hydra/launcher=joblib``: joblib's worker processes (loky), reused from job to job."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from joblib.externals.loky import get_reusable_executor

from cnnlab.runs.state import RunState
from cnnlab.sweep.launchers.engine import Ended, last_line
from cnnlab.sweep.launchers.worker import WorkItem, run_work_item

IDLE_SECONDS = 300  # how long a worker waits for another job


class JoblibEngine:
    """A pool with a worker for each parallel job."""

    takes_signals = True

    def __init__(self, max_parallel: int, environment: dict[str, str]) -> None:
        self.max_parallel = max_parallel
        self._environment = environment
        self._futures: dict[Future[RunState | None], WorkItem] = {}

    def submit(self, items: Sequence[WorkItem]) -> None:
        pool = self._pool()
        self._futures |= {pool.submit(run_work_item, item): item for item in items}

    def ended(self, timeout: float) -> list[Ended]:
        done = wait(self._futures, timeout, FIRST_COMPLETED).done
        return [_ended(future, self._futures.pop(future)) for future in done]

    def cancel(self) -> None:
        """Every submitted item has a worker."""

    def kill(self) -> None:
        self._pool().shutdown(kill_workers=True)

    def _pool(self) -> Any:
        """The pool of before, or a new one where that has lost a worker."""
        return get_reusable_executor(
            max_workers=self.max_parallel, timeout=IDLE_SECONDS, env=self._environment
        )


def _ended(future: Future[RunState | None], item: WorkItem) -> Ended:
    error = future.exception()
    if error is None:
        return Ended(item, future.result())
    return Ended(item, error=last_line(error))
