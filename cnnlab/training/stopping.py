"""What ends a training early: a signal, a search, a loss that is no number.

Of Ctrl-C, SIGTERM and SIGUSR2 the first saves a checkpoint and stops, a second stops at once.
"""

import signal
import sys
import threading
from types import FrameType

from cnnlab.registry import CnnlabError

# SIGUSR2 is how submitit says that a job's time will soon be over.
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name)
]


SAVING = "\nsaving a checkpoint, then stopping; press Ctrl-C again to stop at once"


class Stopped(Exception):  # noqa: N818  (no error: it was requested)
    """The training has saved last.ckpt and stopped because of a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after saving last.ckpt")
        self.signal = number

    def __reduce__(self) -> tuple[type["Stopped"], tuple[int]]:
        return type(self), (self.signal,)


class Pruned(Exception):  # noqa: N818  (no error: a search requested it)
    """A search has pruned the trial; last.ckpt is saved."""


class ProcessKilledError(RuntimeError):
    """The system killed a process of the run, as it can the only one; last.ckpt stays."""


class TrainingDivergedError(CnnlabError):
    """The loss is no longer a number; ``step`` is the optimiser step that gave it, 0-based."""

    def __init__(self, loss: float, epoch: int, step: int) -> None:
        super().__init__(
            f"training diverged: loss {loss} in epoch {epoch + 1} at step {step}; "
            "try a lower optim.lr or trainer.gradient_clip=1"
        )
        self.step = step
        self._arguments = (loss, epoch, step)

    def __reduce__(self) -> tuple[type["TrainingDivergedError"], tuple[float, int, int]]:
        return type(self), self._arguments


class StopRequest:
    """Listens for ``SIGNALS``, in the main thread; the caller restores the old handlers.

    Args:
        listen: False leaves it to the caller to set ``signal``.

    Attributes:
        signal: the number of the signal that came, else None.
    """

    def __init__(self, *, listen: bool = True) -> None:
        self.signal: int | None = None
        if listen and threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._receive)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        if number == signal.SIGINT:
            print(SAVING, file=sys.stderr, flush=True)
