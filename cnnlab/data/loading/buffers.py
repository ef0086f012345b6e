"""Memory of batches that is used again once nothing refers to it.

The system takes and gives back large blocks page by page, at every batch: of 128 images of 224x224
that takes longer than to normalise them.
"""

import math
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KEPT = 4  # blocks: of a batch that is made, and of one that is trained on, bytes and floats each
ALIGNED = 64  # bytes, as torch's own
UNUSED = (
    3  # references to a block in `acquire` if no tensor has one: of the list, the loop, the call
)


class Buffers:
    """Gives uninitialised tensors on the CPU; the memory of those that are gone is used again.

    A tensor's storage refers to the block that it was made from for as long as it is alive, in
    Python, in a view or in a graph of gradients: that a block is unused is certain.
    """

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.uint8]] = []

    def acquire(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A tensor of this shape, contiguous."""
        size = math.prod(shape) * dtype.itemsize
        for block in self._blocks:
            if len(block) == size and sys.getrefcount(block) <= UNUSED:
                return torch.from_numpy(block).view(dtype).view(shape)
        whole = np.empty(size + ALIGNED, np.uint8)
        start = -whole.ctypes.data % ALIGNED
        block = whole[start : start + size]
        self._blocks = [*self._blocks[1 - KEPT :], block]
        return torch.from_numpy(block).view(dtype).view(shape)
