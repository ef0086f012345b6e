"""``hydra/launcher=ray``: tasks on a local Ray or on a cluster."""

import logging
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from cnnlab.sweep.launchers.engine import Ended, last_line
from cnnlab.sweep.launchers.options import RayNode
from cnnlab.sweep.launchers.worker import WorkItem, run_work_item

NO_LIMIT = 1_000_000  # Ray has its own queue
OBJECT_STORE = 80 << 20  # bytes; no data goes through it


class RayEngine:
    """Ray's scheduler; connects to a cluster, or starts Ray here until the command ends."""

    max_parallel = NO_LIMIT
    takes_signals = False

    def __init__(self, options: RayNode, num_gpus: float) -> None:
        if not ray.is_initialized():
            arguments = {k: v for k, v in vars(options.init).items() if v is not None}
            if options.init.address is None:
                arguments |= {"object_store_memory": OBJECT_STORE, "include_dashboard": False}
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
        self._task: Any = ray.remote(
            num_cpus=options.remote.num_cpus, num_gpus=num_gpus, max_retries=0
        )(run_work_item)
        self._items: dict[ray.ObjectRef[Any], WorkItem] = {}

    def submit(self, items: Sequence[WorkItem]) -> None:
        self._items |= {self._task.remote(item): item for item in items}

    def ended(self, timeout: float) -> list[Ended]:
        done, _ = ray.wait(list(self._items), num_returns=1, timeout=timeout)
        return [_ended(ref, self._items.pop(ref)) for ref in done]

    def cancel(self) -> None:
        """Ray interrupts what runs; a job then saves a checkpoint."""
        for ref in self._items:
            ray.cancel(ref, force=False)

    def kill(self) -> None:
        for ref in self._items:
            ray.cancel(ref, force=True)


def _ended(ref: "ray.ObjectRef[Any]", item: WorkItem) -> Ended:
    try:
        return Ended(item, ray.get(ref))
    except RayError as error:
        return Ended(item, error=last_line(error))
