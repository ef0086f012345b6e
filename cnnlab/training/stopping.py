"""Ctrl-C, SIGTERM, SIGUSR2: the first saves a checkpoint and stops, a second stops at once."""

import signal
import sys
import threading
from types import FrameType

# SIGUSR2 is how submitit says that a job's time will soon be over.
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name)
]


SAVING = "\nsaving a checkpoint, then stopping; press Ctrl-C again to stop at once"


class Stopped(Exception):  # noqa: N818  (no error: it was asked for)
    """The training has saved last.ckpt and stopped because of a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after saving last.ckpt")
        self.signal = number

    def __reduce__(self) -> tuple[type["Stopped"], tuple[int]]:
        return type(self), (self.signal,)


class Pruned(Exception):  # noqa: N818  (no error: a search asked for it)
    """A search has pruned the trial; last.ckpt is saved."""


class StopRequest:
    """Listens for ``SIGNALS``, in the main thread; the caller restores the old handlers.

    Attributes:
        signal: the number of the signal that came, else None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._receive)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        if number == signal.SIGINT:
            print(SAVING, file=sys.stderr, flush=True)
