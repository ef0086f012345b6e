"""How long Lightning's epochs take, with all that belongs to them."""

import time
from typing import Any

from lightning.pytorch.callbacks import Callback


class EpochClock(Callback):
    """Seconds from the first epoch's start to the end of training: what ``fit`` sets up before
    and tears down after is not in it; validation, records and checkpoints are.
    """

    seconds: float

    def on_train_epoch_start(self, *_: Any) -> None:
        if not hasattr(self, "_start"):
            self._start = time.perf_counter()

    def on_train_end(self, *_: Any) -> None:
        self.seconds = time.perf_counter() - self._start
