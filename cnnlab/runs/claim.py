"""An exclusive claim on a run, with a heartbeat, so that several processes share a sweep.

The claim of a dead process on this host expires at once; that of another host after
``LOST_AFTER`` seconds without a heartbeat.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from cnnlab.runs.run_dir import RunDir, write_atomically
from cnnlab.runs.writable import make_folder

HEARTBEAT = 10.0  # seconds
LOST_AFTER = 60.0


@dataclass(frozen=True)
class Claim:
    """The content of claim.json: the process that runs a run."""

    host: str
    pid: int
    born: str  # start time of the process, as the kernel counts: pids are reused
    heartbeat: float  # seconds since 1970

    @classmethod
    def own(cls) -> "Claim":
        """The claim of this process, with a heartbeat of now."""
        return cls(socket.gethostname(), os.getpid(), _born(os.getpid()), time.time())

    @property
    def is_alive(self) -> bool:
        if self.host != socket.gethostname():
            return time.time() - self.heartbeat < LOST_AFTER
        return _born(self.pid) == self.born

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def holder(run: RunDir) -> Claim | None:
    """The live process that runs this run; None where there is none."""
    try:
        claim = Claim(**json.loads(run.claim_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return claim if claim.is_alive else None


@contextmanager
def claimed(run: RunDir) -> Iterator[Claim | None]:
    """Claim the run for the block; yields None, or the claim of the process that has it already."""
    make_folder(run.path)
    with FileLock(run.path / ".claim.lock"):  # two processes must not both find it free
        other = holder(run)
        if other is None:
            _write(run)
    if other is not None:
        yield other
        return
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(run, stop), daemon=True)
    thread.start()
    try:
        yield None
    finally:
        stop.set()
        thread.join()
        run.claim_file.unlink(missing_ok=True)


def _beat(run: RunDir, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        _write(run)


def _write(run: RunDir) -> None:
    write_atomically(run.claim_file, json.dumps(asdict(Claim.own())))


def _born(pid: int) -> str:
    """The start time of a process; empty where it does not exist, "unknown" where /proc lacks."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        try:
            state, *fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if state == "Z" else fields[18]
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "unknown"
