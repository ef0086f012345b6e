"""The most memory that a run used: of the machine and of its GPU."""

import sys
from pathlib import Path

import torch

STATUS_FILE = Path("/proc/self/status")
RESET_FILE = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): the "high water mark" of the resident set becomes its present size


class PeakMemory:
    """The peaks of this process since it was constructed, not those of earlier runs in it.

    On Linux this restarts the peak that the kernel keeps of the process; one that cannot be
    restarted counts only where it has risen since.

    Args:
        device: whose memory counts as well, where it is a CUDA GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = 0 if _restart_host_peak() else _host_peak()
        if device.type == "cuda":
            # Before it the device has no statistics, and torch refuses.
            torch.cuda.init()  # type: ignore[no-untyped-call]
            torch.cuda.reset_peak_memory_stats(device)

    def columns(self) -> dict[str, int]:
        """What is known of ``peak_host_bytes`` and, of a GPU, ``peak_device_bytes``.

        The first is the resident set, with Python, libraries and data; the second is what torch
        allocated for tensors.
        """
        found = {}
        if (peak := _host_peak()) > self._before:
            found["peak_host_bytes"] = peak
        if self._device.type == "cuda":
            found["peak_device_bytes"] = torch.cuda.max_memory_allocated(self._device)
        return found


def _restart_host_peak() -> bool:
    """Whether the system does that."""
    try:
        RESET_FILE.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _host_peak() -> int:
    """The largest resident set of this process in bytes; 0 where the system does not tell."""
    try:
        lines = STATUS_FILE.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):  # in units of 1024 bytes, which it calls kB
            return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
