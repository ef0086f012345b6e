"""Signs of life between processes of different hosts, whose clocks need not agree.

One writes something new every few seconds; another, by its own clock, sees for how long nothing
has changed.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@contextmanager
def heartbeat(beat: Callable[[], bool], every: float) -> Iterator[None]:
    """Within the block, call ``beat`` regularly, in a thread, until it returns False.

    What it raises is survived: a disk that is full or away for a minute is no reason to be taken
    for dead.
    """
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every):
            with suppress(Exception):  # whatever a file system or a database's driver raises
                if not beat():
                    return

    thread = threading.Thread(target=run, name="cnnlab-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Observation:
    """What this process has seen at one place.

    Attributes:
        since: when it first saw this content there, by ``time.monotonic``.
        has_changed: whether it has seen another content there before.
    """

    content: Hashable
    since: float
    has_changed: bool = False

    @property
    def seconds(self) -> float:
        """For how long nothing is known to have changed."""
        return time.monotonic() - self.since


_SEEN: dict[str, Observation] = {}


def observe(place: str, content: Hashable) -> Observation:
    """Note what is at a place now; how long it has been there, as far as this process has seen."""
    seen = _SEEN.get(place)
    if seen is None or seen.content != content:
        seen = _SEEN[place] = Observation(content, time.monotonic(), seen is not None)
    return seen
