"""Freed memory kept for the next step, where the C library would return it to the system.

By default glibc maps a block of 128 kB or more from the kernel and unmaps it when it is freed, or
trims its heap. Each step of training allocates and frees the same activations; the kernel then
fills them with zeros, page by page, which was a tenth to a third of the CPU time of a step.
"""

import ctypes
import functools
import os
import sys

# mallopt(3). Larger blocks are still mapped, such as whole data sets, and returned when freed.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_KEPT = (1 << 30, 1 << 25)  # bytes; glibc before 2.35 takes the second at most
NEVER, GROWTH = (1 << 31) - 1, 1 << 26
OWN_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_")


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc so, once for this process; whether it was told.

    Settings of the user's, in MALLOC_* or GLIBC_TUNABLES, are left as they are. Other systems and
    allocators have no such options.
    """
    if any(name in os.environ for name in OWN_SETTINGS):
        return False
    if "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    if not any(mallopt(M_MMAP_THRESHOLD, size) for size in LARGEST_KEPT):
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, NEVER) and mallopt(M_TOP_PAD, GROWTH))


def return_freed_memory() -> None:
    """Give the system what is free now: at the end of a job, for the others of this machine."""
    trim = _function("malloc_trim") if keep_freed_memory() else None
    if trim is not None:
        trim(0)


def _function(name: str) -> "ctypes._NamedFuncPointer | None":
    """One of the C library's own; None where it has none of that name."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
