"""The key-value store at which the processes of a run meet, as one start of them sees it."""

import secrets
import time
from datetime import timedelta

import torch.distributed as dist

# torch does not say that it exports these, which its documentation describes.
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from cnnlab.registry import CnnlabError
from cnnlab.text import first_line
from cnnlab.training.rendezvous import Rendezvous

CONNECT_SECONDS = 300.0  # for the store to answer, and for the first process to be there
POLL_SECONDS = 0.1
START = "start"  # the first process's name for this start of all, under which all other keys are


def connect(rendezvous: Rendezvous, *, is_host: bool = True) -> PrefixStore:
    """A client of the store; in the first process, where torchrun has none, the store too.

    Raises:
        CnnlabError: nobody answers, or the port is taken.
    """
    hosts = is_host and rendezvous.rank == 0 and not rendezvous.has_store
    where = f"{rendezvous.address}:{rendezvous.port}"
    try:
        store = TCPStore(
            rendezvous.address,
            rendezvous.port,
            is_master=hosts,
            timeout=timedelta(seconds=CONNECT_SECONDS),
            wait_for_workers=False,
        )
    except dist.DistError as error:
        said = "cannot listen" if hosts else "no process answers"
        raise CnnlabError(f"{said} at {where}: {first_line(error)}; set MASTER_PORT") from error
    return PrefixStore(rendezvous.name, store)


def beat_key(rank: int) -> str:
    """Where a process shows that it is alive, by a number that changes."""
    return f"beat/{rank}"


def name_start(store: PrefixStore) -> str:
    """A new name for this start, which the first process gives."""
    start = secrets.token_hex(8)
    store.set(START, start)
    return start


def find_start(store: PrefixStore, rendezvous: Rendezvous) -> str:
    """The name that the first process has given to this start.

    Torchrun's store outlives a restart of the processes, with all that was said before it; which
    one it is torchrun does not say, as each node counts those of its own. So a name counts only
    while the first process that gave it is seen to live.

    Raises:
        CnnlabError: no first process is there in time.
    """
    deadline, beats = time.monotonic() + CONNECT_SECONDS, dict[str, bytes]()
    while time.monotonic() < deadline:
        if store.check([START]):
            start = store.get(START).decode()
            if not rendezvous.has_store:  # the store starts and ends with the first process
                return start
            key = f"{start}/{beat_key(0)}"
            beat = store.get(key) if store.check([key]) else b""
            if beats.setdefault(start, beat) != beat:
                return start
        time.sleep(POLL_SECONDS)
    raise CnnlabError(
        f"the first of {rendezvous.processes} processes is not at "
        f"{rendezvous.address}:{rendezvous.port} within {CONNECT_SECONDS:.0f} s"
    )
