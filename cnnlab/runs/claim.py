"""An exclusive claim on a run, with a heartbeat, so that several processes share a sweep.

The claim of a dead process on this host expires at once; that of another host when it has been
seen unchanged for ``LOST_AFTER`` seconds: no clock decides, of the other host or of this one. A
process that was suspended for so long finds another's token in its claim, writes nothing more into
the run and stops.
"""

import json
import math
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from cnnlab.runs.durable import write_text
from cnnlab.runs.heartbeat import heartbeat, observe
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.writable import make_folder

HEARTBEAT = 10.0  # seconds
LOST_AFTER = 60.0
FORGOTTEN = 3600.0
POLL_SECONDS = 1.0
TOKEN = "CNNLAB_CLAIM"  # in the environment of a process that has claimed a run, and its children's


class ClaimLostError(Exception):
    """The run that this process is training is another's by now, or its folder is gone."""


@dataclass(frozen=True)
class Claim:
    """The content of claim.json: the process that runs a run."""

    host: str
    pid: int
    born: str  # start time of the process, as the kernel counts: pids are reused
    heartbeat: float  # seconds since 1970 on its host: a number that changes
    token: str = ""  # of one claim: a process may claim a run twice

    @classmethod
    def own(cls, token: str = "") -> "Claim":
        """The claim of this process, with a heartbeat of now."""
        return cls(socket.gethostname(), os.getpid(), _born(os.getpid()), time.time(), token)

    @property
    def is_foreign(self) -> bool:
        """Whether its process is on another host, where only its heartbeat tells of it."""
        return self.host != socket.gethostname()

    def is_alive(self, place: str) -> bool:
        """Whether its process lives, as far as this one has seen at ``place``."""
        if self.is_foreign:
            return observe(place, self).seconds < LOST_AFTER
        return _born(self.pid) == self.born

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def holder(run: RunDir) -> Claim | None:
    """The live process that runs this run; None where there is none."""
    claim = _read(run)
    return claim if claim and claim.is_alive(str(run.claim_file.absolute())) else None


def probable_holder(run: RunDir) -> Claim | None:
    """The holder for one look, as of a listing: not one that has written nothing for an hour.

    The hour is by two clocks, which may differ; nothing may be taken from the holder for it.
    """
    claim = holder(run)
    if claim is None or not claim.is_foreign:
        return claim
    written = claim.heartbeat
    with suppress(OSError):
        written = max(written, run.claim_file.stat().st_mtime)  # by the file server's clock
    return None if time.time() - written > FORGOTTEN else claim


@contextmanager
def claimed(run: RunDir) -> Iterator[Claim | None]:
    """Claim the run for the block; yields None, or the claim of the process that has it already."""
    make_folder(run.path)
    token = secrets.token_hex(8)
    with _lock(run):  # two processes must not both find it free
        other = holder(run)
        if other is None:
            _write(run, token)
    if other is not None:
        yield other
        return
    before = os.environ.get(TOKEN)
    os.environ[TOKEN] = token
    try:
        with heartbeat(lambda: _renew(run, token), HEARTBEAT):
            yield None
    finally:
        os.environ.pop(TOKEN)
        if before is not None:
            os.environ[TOKEN] = before
        with suppress(OSError):
            _release(run, token)


def ensure_claimed(run: RunDir) -> None:
    """Check that this process, or the one that started it, still has the run that it claimed.

    Raises:
        ClaimLostError: another process has taken the run over, or its folder is gone.
    """
    token = os.environ.get(TOKEN)
    with suppress(OSError):  # not to be told now
        if token is not None and not _has(run, token):
            if not run.path.is_dir():
                raise ClaimLostError(f"the folder {run} no longer exists")
            raise ClaimLostError(f"{_read(run) or 'another process'} has taken over {run}")


def shows_claim(run: RunDir, token: str) -> bool:
    """Whether this process sees the claim with this token, which another host may have written."""
    with suppress(OSError):
        return run.claim_file.is_file() and _has(run, token)
    return False


def is_abandoned(run: RunDir) -> bool:
    """Watch the claim of a process on another host: whether it shows no heartbeat any more.

    Takes ten seconds where it does, a minute where it does not. False where no other host's
    process claims the run.
    """
    first = holder(run)
    if first is None or not first.is_foreign:
        return False
    print(f"waiting up to {LOST_AFTER:.0f} s to see whether {first} is alive", file=sys.stderr)
    while (now := holder(run)) == first:
        time.sleep(min(POLL_SECONDS, LOST_AFTER / 10))
    return now is None


def _renew(run: RunDir, token: str) -> bool:
    """Show that this process is alive; False where the run is another's by now."""
    if not _has(run, token):
        return False
    with _lock(run):  # nobody takes it between the two
        if _has(run, token):
            _write(run, token)
            return True
    return False


def _release(run: RunDir, token: str) -> None:
    if _has(run, token):
        with _lock(run):
            if _has(run, token):
                run.claim_file.unlink(missing_ok=True)


def _has(run: RunDir, token: str) -> bool:
    """Whether the claim in the folder is the one with this token.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        claim = _parse(run.claim_file.read_bytes())
    except FileNotFoundError:
        return False
    return claim is None or claim.token == token  # what is no claim is nobody's, so still ours


def _lock(run: RunDir) -> FileLock:
    return FileLock(run.path / ".claim.lock")


def _read(run: RunDir) -> Claim | None:
    """The claim in the folder; None where there is none that can be read."""
    try:
        return _parse(run.claim_file.read_bytes())
    except OSError:
        return None


def _parse(content: bytes) -> Claim | None:
    try:
        claim = Claim(**json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return None
    fields = (claim.host, claim.pid, claim.born, claim.heartbeat, claim.token)
    kinds = (str, int, str, int | float, str)
    whole = all(isinstance(value, kind) for value, kind in zip(fields, kinds, strict=True))
    return claim if whole and math.isfinite(claim.heartbeat) else None


def _write(run: RunDir, token: str) -> None:
    write_text(run.claim_file, json.dumps(asdict(Claim.own(token))), sync_file=False)


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
