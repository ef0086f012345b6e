"""What each of several jobs on one machine gets: GPUs, or a part of one, and threads."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cnnlab.registry import CnnlabError

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def threads(per_job: int) -> dict[str, str]:
    """The environment that gives a job its threads; what the user has set stands."""
    return {name: os.environ.get(name, str(per_job)) for name in THREADS}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def partition_gpus(gpus: Sequence[str], per_job: float) -> list[str]:
    """What each of the jobs at one time may see: ``["0", "1"]``, ``["0,1"]`` or ``["0", "0"]``.

    Parts of GPUs are dealt in rounds, so that few jobs lie on many GPUs.

    Raises:
        CnnlabError: a job asks for more than there are.
    """
    if per_job > len(gpus):
        raise CnnlabError(
            f"hydra.launcher.gpus_per_job={per_job:g}: there are {len(gpus)} GPUs here"
        )
    if per_job < 1:
        return list(gpus) * int(1 / per_job + 1e-6)
    whole = int(per_job)
    return [",".join(gpus[at : at + whole]) for at in range(0, len(gpus) - whole + 1, whole)]


@dataclass(frozen=True)
class GpuSlots:
    """The slots of one launch; a worker process takes one and keeps it until it ends."""

    folder: str  # where the locks lie; made by the launch
    visible: tuple[str, ...]  # a CUDA_VISIBLE_DEVICES for each

    def acquire(self) -> str:
        """The share of this process; waits while the process before has not quite ended."""
        key = (self.folder, os.getpid())
        while key not in _taken:
            for number, visible in enumerate(self.visible):
                lock = FileLock(Path(self.folder) / f"{number}.lock", blocking=False)
                try:
                    lock.acquire()
                except Timeout:
                    continue
                _taken[key] = (visible, lock)
                break
            else:
                time.sleep(0.1)
        return _taken[key][0]


_taken: dict[tuple[str, int], tuple[str, FileLock]] = {}  # the lock falls with the process
