"""What each of several jobs on one machine gets: threads, and GPUs or a part of one."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cnnlab.registry import CnnlabError
from cnnlab.text import plural

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def threads(per_job: int) -> dict[str, str]:
    """Environment variables that limit a job's threads; those that the user has set are kept."""
    return {name: os.environ.get(name, str(per_job)) for name in THREADS}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def partition_gpus(gpus: Sequence[str], per_job: float) -> list[str]:
    """CUDA_VISIBLE_DEVICES of each parallel job: ``["0", "1"]``, ``["0,1"]`` or ``["0", "0"]``.

    Parts of GPUs go round by round, so that a few jobs are spread over all GPUs.

    Raises:
        CnnlabError: a job needs more GPUs than there are.
    """
    if per_job > len(gpus):
        raise CnnlabError(
            f"hydra.launcher.gpus_per_job={per_job:g}: this machine has {plural(len(gpus), 'GPU')}"
        )
    if per_job < 1:
        return list(gpus) * int(1 / per_job + 1e-6)
    whole = int(per_job)
    return [",".join(gpus[at : at + whole]) for at in range(0, len(gpus) - whole + 1, whole)]


@dataclass(frozen=True)
class GpuSlots:
    """The slots of one launch; a worker process acquires one and keeps it until it ends.

    Attributes:
        folder: of the slots' lock files.
        visible: CUDA_VISIBLE_DEVICES of each slot.
    """

    folder: str
    visible: tuple[str, ...]

    def acquire(self) -> str:
        """CUDA_VISIBLE_DEVICES of this process; waits until a process before it has ended."""
        key = (self.folder, os.getpid())
        while key not in _acquired:
            for number, visible in enumerate(self.visible):
                lock = FileLock(Path(self.folder) / f"{number}.lock", blocking=False)
                try:
                    lock.acquire()
                except Timeout:
                    continue
                _acquired[key] = (visible, lock)
                break
            else:
                time.sleep(0.1)
        return _acquired[key][0]


_acquired: dict[tuple[str, int], tuple[str, FileLock]] = {}  # unlocked when the process ends
