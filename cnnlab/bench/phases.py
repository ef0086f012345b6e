"""What a training step's time goes to: data, forward, backward, optimizer, and the framework.

The real loop is timed, not a copy of it: the three things that ``train_steps`` calls, which are
the batches, the loss and the optimiser, note when they begin and end.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from cnnlab.data.loading.chunks import Chunk
from cnnlab.training.module import TrainingModule

PHASES = ("data", "forward", "backward", "optimizer")
FRAMEWORK = "framework"  # all that is in none of these


class PhaseTimer:
    """Seconds of each phase, of the steps that are trained while it is ``active``.

    On a GPU the times are those of CUDA events between the phases, read when a chunk is done, so
    that nothing in a chunk waits for the device. ``backward`` includes all that is between it and
    the optimiser: gradient clipping, hooks, the unscaling of float16.

    Args:
        device: what computes.
        now: a clock, seconds.
    """

    def __init__(self, device: torch.device, now: Callable[[], float] = time.perf_counter) -> None:
        self.active = False
        self._device, self._now = device, now
        self._marks: list[tuple[str, Any]] = []  # what has just ended, and when
        self._has_loss, self._depth = False, 0

    def attach(self, module: TrainingModule) -> None:
        """Time the steps of ``module``, where active."""
        train, step_pass = module.training_step, module.step_pass

        def training_step(chunk: Chunk) -> None:
            if self.active:
                batches: Any = TimedBatches(chunk.batches, self)
                chunk = Chunk(chunk.epoch, chunk.step, chunk.indices, batches)
            train(chunk)

        def timed_pass(inputs: Tensor, targets: Tensor) -> Any:
            self.mark(FRAMEWORK)
            result = step_pass(inputs, targets)
            self.mark("forward")
            self._has_loss = True
            return result

        module.training_step = training_step  # type: ignore[method-assign]
        module.step_pass = timed_pass
        module.optimizer.register_step_pre_hook(lambda *_: self._begin_optimizer())
        module.optimizer.register_step_post_hook(lambda *_: self._end_optimizer())

    def begin_data(self) -> None:
        """A batch is about to be made: the first of a step, or the next of several."""
        self.mark("backward" if self._has_loss else FRAMEWORK)

    def mark(self, ended: str) -> None:
        """What is named has just ended; it began at the mark before."""
        if not self.active:
            return
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._marks.append((ended, event))
            return
        if self._device.type != "cpu":
            torch.accelerator.synchronize(self._device)
        self._marks.append((ended, self._now()))

    def collect(self) -> dict[str, float]:
        """Seconds of each phase since the last call; empty where no phase could be told apart."""
        marks, self._marks = self._marks, []
        seconds = dict.fromkeys(PHASES, 0.0) if marks else {}
        for (_, begin), (name, end) in pairwise(marks):
            if name in seconds:
                is_event = self._device.type == "cuda"
                seconds[name] += begin.elapsed_time(end) / 1000 if is_event else end - begin
        return seconds

    def _begin_optimizer(self) -> None:
        if self._depth == 0:
            self.mark("backward")
        self._depth += 1  # torch calls the hooks in super().step() too

    def _end_optimizer(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.mark("optimizer")
            self._has_loss = False


class TimedBatches:
    """A chunk's batches, each of them timed; all else is theirs."""

    def __init__(self, batches: Any, timer: PhaseTimer) -> None:
        self._batches, self._timer = batches, timer

    def __call__(self, indices: Tensor) -> Any:
        self._timer.begin_data()
        batch = self._batches(indices)
        self._timer.mark("data")
        return batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)
