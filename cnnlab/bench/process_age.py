"""When this process was started: what a user waits for begins there, not at the first import."""

import os
import time
from pathlib import Path

STAT_FILE = Path("/proc/self/stat")
LOADED = time.perf_counter()  # where the system does not tell


def process_start() -> tuple[float, str]:
    """The time of the start by ``time.perf_counter``, and what it is that started.

    Linux tells when a process was started; elsewhere it is when this package was loaded.
    """
    age = _age(STAT_FILE)
    if age is None:
        return LOADED, "the load of cnnlab.bench"
    return time.perf_counter() - age, "the start of the process"


def _age(file: Path) -> float | None:
    """Seconds since the start; None where the system does not tell.

    proc(5): the 22nd field is the time of the start in clock ticks after boot. The second field, a
    name in brackets, may hold spaces.
    """
    try:
        ticks = int(file.read_text(errors="replace").rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
