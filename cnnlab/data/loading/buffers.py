"""Memory of batches that is used again once nothing refers to it.

The system takes and gives back large blocks page by page, at every batch: of 128 images of 224x224
that takes longer than to normalise them.
"""

import math
import weakref
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KEPT = 4  # blocks: of a batch that is made, and of one that is trained on, bytes and floats each
ALIGNED = 64  # bytes, as torch's own


class Buffers:
    """Gives uninitialised tensors on the CPU; the memory of those that are gone is used again.

    A tensor's storage refers to the array that it was made from for as long as it is alive, in
    Python, in a view or in a graph of gradients. Each is made from an array of its own: once that
    is gone, the block is certainly unused.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    def acquire(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A tensor of this shape, contiguous."""
        size = math.prod(shape) * dtype.itemsize
        for block in self._blocks:
            if len(block.memory) == size and block.used_by() is None:
                return block.tensor().view(dtype).view(shape)
        whole = np.empty(size + ALIGNED, np.uint8)
        start = -whole.ctypes.data % ALIGNED
        block = Block(whole[start : start + size])
        self._blocks = [*self._blocks[1 - KEPT :], block]
        return block.tensor().view(dtype).view(shape)


class Block:
    """Memory, and a weak reference to the array that a tensor in it was made from."""

    def __init__(self, memory: NDArray[np.uint8]) -> None:
        self.memory = memory
        self.used_by: Callable[[], NDArray[np.uint8] | None] = lambda: None

    def tensor(self) -> Tensor:
        """All of it, uint8."""
        array = self.memory[:]
        self.used_by = weakref.ref(array)
        return torch.from_numpy(array)
