"""Memory that is free on this machine, in its container or cluster job, and on a device."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch

MEMINFO = Path("/proc/meminfo")
OWN_CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")
# Of a group: its limit, what it uses, and what of that the kernel gives back, by cgroup version.
FILES = {
    2: ("memory.max", "memory.current", r"(?:in)?active_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", r"total_(?:in)?active_file"),
}
UNLIMITED = 2**60  # version 1 writes a number of this size where there is no limit


def free_memory(device: torch.device | str = "cpu") -> int | None:
    """Bytes that are free on a device; None if the system does not say.

    Of the CPU: what is available without swapping, within the limits of the containers and of the
    cluster's job that this process runs in.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    limits = list(_cgroup_limits())
    try:
        lines = MEMINFO.read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
        return min(available * 1024, *limits) if limits else available * 1024
    except (OSError, StopIteration):
        pass
    try:  # not Linux: the installed memory is an upper bound
        return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *limits, UNLIMITED)
    except (AttributeError, ValueError, OSError):
        return None


def _cgroup_limits() -> Iterator[int]:
    """Bytes left within each limited group that this process is in, from its own up to the root.

    A job of Slurm's has its limit some levels above the process; in a container the path may be
    that of the host, of which only the end of the walk, the root, is to be seen.
    """
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            version, roots = 2, [CGROUPS, CGROUPS / "unified"]
        elif "memory" in controllers.split(","):
            version, roots = 1, [CGROUPS / "memory"]
        else:
            continue
        below = Path(path.lstrip("/"))
        for root in roots:
            for group in (below, *below.parents):
                yield from _left(root / group, version)


def _left(group: Path, version: int) -> Iterator[int]:
    limit_file, used_file, reclaimed = FILES[version]
    try:
        limit = int((group / limit_file).read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return
    if limit >= UNLIMITED:
        return
    used = 0
    with contextlib.suppress(OSError, ValueError):
        used = int((group / used_file).read_text())
        stat = (group / "memory.stat").read_text()
        used -= sum(map(int, re.findall(rf"^{reclaimed} (\d+)$", stat, re.MULTILINE)))
    yield max(0, limit - used)
