"""How much more this machine can hold, so that what cannot fit is refused before it is read."""

import os
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container or a cluster's job


def free_memory() -> int | None:
    """Bytes that can still be had without swapping; None where the system does not tell."""
    try:
        lines = MEMINFO.read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
        return int(min(available * 1024, _cgroup_limit()))
    except (OSError, StopIteration):
        pass
    try:  # not Linux: what is installed is the least that can be said
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _cgroup_limit() -> float:
    try:
        return int(CGROUP_LIMIT.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return float("inf")
