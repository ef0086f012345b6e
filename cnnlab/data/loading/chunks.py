"""Which images the next optimiser steps use: a function of (seed, epoch, step) alone.

Lightning costs about a millisecond per step, so it gets chunks of steps. Where a chunk begins and
ends never changes a result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cnnlab.data.loading.memory import MemoryBatches, epoch_order

CHUNK_STEPS, CHUNK_SECONDS = 50, 0.5  # the longest chunk: whichever is less


def steps_per_epoch(num_train: int, batch_size: int, accumulate: int = 1) -> int:
    """Optimiser steps of one epoch; the last incomplete one is dropped, so shapes stay fixed.

    Raises:
        ValueError: one step needs more images than there are.
    """
    steps = num_train // (batch_size * accumulate)
    if steps == 0:
        raise ValueError(
            f"batch_size={batch_size} x accumulate={accumulate} is more than the {num_train} "
            "training images"
        )
    return steps


@dataclass
class Position:
    """The progress of training: ``step`` optimiser steps of ``epoch`` (0-based) are done.

    The loader, the schedule, the seeds and the checkpoints all read it here. ``seconds`` is the
    wall time of training and validation so far, over all sessions of the run.
    """

    steps_per_epoch: int
    max_steps: int | None = None
    max_seconds: float | None = None
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0

    @property
    def global_step(self) -> int:
        """Optimiser steps since the beginning."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def steps_this_epoch(self) -> int:
        """Optimiser steps of this epoch: fewer if ``max_steps`` is within it."""
        if self.max_steps is None:
            return self.steps_per_epoch
        return min(self.steps_per_epoch, self.max_steps - self.epoch * self.steps_per_epoch)

    @property
    def out_of_time(self) -> bool:
        """True once ``max_seconds`` have passed."""
        return self.max_seconds is not None and self.seconds >= self.max_seconds

    @property
    def finished(self) -> bool:
        """True once ``max_steps`` or ``max_seconds`` leave nothing to train."""
        return self.out_of_time or self.step >= self.steps_this_epoch

    def state_dict(self) -> dict[str, float]:
        """What a checkpoint saves: the progress, without the limits."""
        names = ("steps_per_epoch", "epoch", "step", "seconds")
        return {name: getattr(self, name) for name in names}


class Chunk(NamedTuple):
    """Consecutive optimiser steps of one epoch, and where their images come from."""

    epoch: int
    step: int  # of the first one, within the epoch
    indices: Tensor  # int64 (steps, accumulate, N)
    batches: MemoryBatches


@dataclass
class ChunkLoader:
    """Iterates over the chunks of the current epoch, beginning at ``position``.

    It has no length, because Lightning would fix the number of chunks once. A chunk lasts about
    ``chunk_seconds`` (None: no limit) and at most ``chunk_steps``, so that the progress bar, time
    limits and Ctrl-C react soon; no chunk runs past a multiple of ``cut_every`` global steps.
    With several devices each takes its ``rank``-th part of every batch. Without ``shuffle`` an
    epoch is the images in their order, over and over.
    """

    batches: MemoryBatches
    position: Position
    batch_size: int
    seed: int
    accumulate: int = 1
    shuffle: bool = True
    chunk_steps: int = CHUNK_STEPS
    chunk_seconds: float | None = CHUNK_SECONDS
    cut_every: int | None = None
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size={self.batch_size} is not divisible by {self.world_size} devices"
            )
        self._steps_per_second = 0.0

    def __iter__(self) -> Iterator[Chunk]:
        position = self.position
        epoch, step = position.epoch, position.step
        host_order = self._order(epoch)
        order = host_order.to(self.batches.labels.device)
        self.batches.begin_epoch(epoch)
        # Lightning fetches one chunk ahead, so the steps done are read from the position.
        last = position.global_step, position.seconds
        while step < position.steps_this_epoch and not position.out_of_time:
            if position.global_step > last[0]:
                self._steps_per_second = (position.global_step - last[0]) / max(
                    position.seconds - last[1], 1e-9
                )
                last = position.global_step, position.seconds
            steps = min(self._length(epoch, step), position.steps_this_epoch - step)
            part = slice(step, step + steps)
            if self.batches.streamed:
                self.batches.announce(host_order[part], order[part])
            yield Chunk(epoch, step, order[part], self.batches)
            step += steps

    def _order(self, epoch: int) -> Tensor:
        """Image indices of a whole epoch, int64 (steps, accumulate, N), on the CPU."""
        steps = self.position.steps_per_epoch
        count = steps * self.accumulate * self.batch_size
        if self.shuffle:
            order = epoch_order(len(self.batches), self.seed, epoch)[:count]
        else:
            order = torch.arange(count) % len(self.batches)
        order = order.view(steps, self.accumulate, self.batch_size)
        return order[..., self.rank :: self.world_size]

    def _length(self, epoch: int, step: int) -> int:
        steps = self.chunk_steps
        if self.chunk_seconds is not None:
            steps = max(1, int(min(steps, self._steps_per_second * self.chunk_seconds)))
        if self.cut_every is not None:
            done = epoch * self.position.steps_per_epoch + step
            steps = min(steps, self.cut_every - done % self.cut_every)
        return steps
