"""The processes that train one run, as one of them sees the others: a store, and a thread.

Each shows every second that it is alive, and says at the store what it failed of and which signal
it got; the first process decides for all. A process whose others are gone does not wait for them:
what it does in a collective cannot be interrupted, so it is ended from the thread.
"""

import contextlib
import itertools
import os
import pickle
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import torch.distributed as dist

# torch does not say that it exports this, which its documentation describes.
from torch.distributed import PrefixStore  # type: ignore[attr-defined]

from cnnlab.registry import CnnlabError
from cnnlab.text import first_line
from cnnlab.training.peer_store import POLL_SECONDS, beat_key, connect, find_start, name_start
from cnnlab.training.rendezvous import TORCHRUN, Rendezvous
from cnnlab.training.stopping import ProcessKilledError, StopRequest

BEAT_SECONDS = 1.0
LOST_SECONDS = 60.0  # without a beat: a host that is gone, or one that is very busy
START_SECONDS = 60.0  # between the starts of the first process and the last
GRACE_SECONDS = 10.0  # to end by itself, or to hear why another process has ended
JOIN_SECONDS = 300.0  # for all processes to start
LAST_SECONDS = 3600.0  # for the first process to test and to write, while it lives
# What is at the store, beside the beats and the hosts of the processes, and who has left.
SIGNAL, JOB, JOINED, FAILURES, FAILURE = "signal", "job", "joined", "failures", "failure"
OVER = "over"


class Peers:
    """This process among those of its run, from now on alive in the eyes of the others.

    Args:
        stop: of this process; that of the first one gets the signals of all.

    Raises:
        CnnlabError: the first process, or torchrun, does not answer in time.
    """

    def __init__(self, rendezvous: Rendezvous, stop: StopRequest) -> None:
        self.rendezvous, self.stop = rendezvous, stop
        self.others = [rank for rank in range(rendezvous.processes) if rank != rendezvous.rank]
        store, self._created = connect(rendezvous), time.monotonic()
        self._start = name_start(store) if self.leads else find_start(store, rendezvous)
        self.store = PrefixStore(self._start, store)
        self._beats: dict[int, tuple[bytes, float]] = {}  # of the others: the last, and when
        self._joined = self._over = False
        self._beat(self.store, 0)
        self._thread = threading.Thread(target=self._watch, daemon=True, name="cnnlab-peers")
        self._thread.start()

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rendezvous.rank == 0

    def name(self, rank: int, store: PrefixStore | None = None) -> str:
        """``process 3 of 4 on gpu7``, with the host where it has said so."""
        host, store = "", store or self.store
        if store.check([f"host/{rank}"]):
            host = f" on {store.get(f'host/{rank}').decode()}"
        return f"process {rank + 1} of {self.rendezvous.processes}{host}"

    def join(self) -> None:
        """Wait until all processes have come this far.

        Raises:
            CnnlabError: not all do in time.
            Exception: what one of them has failed of.
        """
        self.store.set(f"host/{self.rendezvous.rank}", socket.gethostname())
        self.store.add(JOINED, 1)
        deadline = time.monotonic() + JOIN_SECONDS
        while (there := self.store.add(JOINED, 0)) < self.rendezvous.processes:
            if (error := self.failure()) is not None:
                raise error
            if time.monotonic() > deadline:
                raise CnnlabError(
                    f"{there} of {self.rendezvous.processes} processes are at "
                    f"{self.rendezvous.address}:{self.rendezvous.port} within {JOIN_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)
        self._joined = True

    def put(self, key: str, message: Any) -> None:
        """Leave plain data, or a job, at the store."""
        self.store.set(key, pickle.dumps(message))  # type: ignore[arg-type]  # it takes bytes too

    def group_store(self) -> PrefixStore:
        """Where torch's process group keeps what it needs."""
        return PrefixStore("group", self.store)

    def fail(self, error: BaseException, text: bytes) -> None:
        """Tell the others, unless one has failed before, of an error, pickled as ``text``."""
        if self.store.add(FAILURES, 1) == 1:
            said = f"{self.name(self.rendezvous.rank)}: {type(error).__name__}: {first_line(error)}"
            self.put(FAILURE, (said, text))

    def failure(self) -> BaseException | None:
        """What the first process that failed has failed of."""
        if not self.store.check([FAILURE]):
            return None
        said, text = pickle.loads(self.store.get(FAILURE))
        error, trace = pickle.loads(text)
        assert isinstance(error, BaseException)
        error.add_note(f"{said}\n{trace}")
        return error

    def cause(self, error: BaseException) -> BaseException:
        """Why this process lost the connection to another: what that one failed of, or its end."""
        deadline = time.monotonic() + GRACE_SECONDS
        try:
            while time.monotonic() < deadline:
                if (failure := self.failure()) is not None:
                    return failure
                if silent := self._silent(3 * BEAT_SECONDS):
                    return ProcessKilledError(
                        f"{self.name(silent[0])} was killed or is not reached"
                    )
                time.sleep(POLL_SECONDS)
        except dist.DistError:
            return ProcessKilledError(f"the connection to {self._first()} is lost")
        return ProcessKilledError(f"the connection to another process is lost: {first_line(error)}")

    def close(self) -> None:
        """Leave, this process for good: the first one before the others, who see to its end.

        torchrun would else end it for their exit codes while it writes how the run ended.
        """
        with contextlib.suppress(dist.DistError):  # the store has ended with its process
            if self.leads:
                self.put(OVER, None)
                seconds = GRACE_SECONDS
                if not self._joined:  # one that starts later would wait long for what is gone
                    seconds = max(seconds, self._created + START_SECONDS - time.monotonic())
                self._until(self._all_left, seconds)
            elif self._until(lambda: self.store.check([OVER]), LAST_SECONDS):
                self.store.set(f"left/{self.rendezvous.rank}", "")
        self._over = True
        self._thread.join(GRACE_SECONDS)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for something that the other processes do, not for those that are gone."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or (not self.leads and self._silent(LOST_SECONDS)):
                return False
            time.sleep(POLL_SECONDS)
        return True

    # The thread

    def _watch(self) -> None:
        try:
            store = PrefixStore(self._start, connect(self.rendezvous, is_host=False))
            for beat in itertools.count(1):
                time.sleep(BEAT_SECONDS)
                if self._over:
                    return
                self._beat(store, beat)
                self._pass_signal(store)
                self._look(store)
                if store.check([FAILURE]):
                    self._end(pickle.loads(store.get(FAILURE))[0])
                elif silent := self._silent(LOST_SECONDS):
                    name = self.name(silent[0], store)
                    self._end(f"{name} has not been heard of for {LOST_SECONDS:.0f} s")
        except (dist.DistError, CnnlabError):
            self._end(f"the connection to {self._first()} is lost")

    def _beat(self, store: PrefixStore, beat: int) -> None:
        store.set(beat_key(self.rendezvous.rank), str(beat))

    def _pass_signal(self, store: PrefixStore) -> None:
        if self.stop.signal is not None:
            store.set(SIGNAL, str(self.stop.signal))
        elif self.leads and store.check([SIGNAL]):
            self.stop.signal = int(store.get(SIGNAL))

    def _look(self, store: PrefixStore) -> None:
        """The first process looks at all others, these at the first."""
        ranks = self.others if self.leads else [0]
        now = time.monotonic()
        for rank in ranks:
            if store.check([beat_key(rank)]):
                beat = store.get(beat_key(rank))
                if self._beats.get(rank, (b"", 0.0))[0] != beat:
                    self._beats[rank] = beat, now

    def _silent(self, seconds: float) -> list[int]:
        """The others that have shown no life for so long, the longest first."""
        now = time.monotonic()
        late = [
            (when, rank) for rank, (_, when) in list(self._beats.items()) if now - when > seconds
        ]
        return [rank for _, rank in sorted(late)]

    def _all_left(self) -> bool:
        """Whether no other process needs the first one any more, for all that is known."""
        gone = self._silent(3 * BEAT_SECONDS)
        return all(self.store.check([f"left/{rank}"]) for rank in self.others if rank not in gone)

    def _end(self, reason: str) -> None:
        """End this process, unless it does so by itself soon."""
        deadline = time.monotonic() + 2 * GRACE_SECONDS
        while time.monotonic() < deadline:
            if self._over:
                return
            time.sleep(POLL_SECONDS)
        print(f"cnnlab: {reason}; this process ends too", file=sys.stderr, flush=True)
        os._exit(1)

    def _first(self) -> str:
        return "torchrun" if self.rendezvous.launcher == TORCHRUN else "the first process"
