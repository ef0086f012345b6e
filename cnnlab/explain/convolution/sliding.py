"""Cross-correlation and pooling of a matrix, window by window.

What deep learning calls convolution: the kernel is not flipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.explain.convolution.placement import Padding, place_windows
from cnnlab.explain.trace.operations import Window
from cnnlab.registry import CnnlabError, nearest

PoolKind = Literal["max", "avg", "min"]
POOL_KINDS: tuple[PoolKind, ...] = get_args(PoolKind)


@dataclass(frozen=True)
class Step:
    """One position of the window.

    Attributes:
        number: from 1.
        row, column: of the output, from 0.
        top, left: the window's corner in the padded input, from 0.
        values: (F, F) of the padded input.
        products: (F, F), values times kernel; None for pooling.
        result: their sum, or the pooled value: a number of the output.
    """

    number: int
    row: int
    column: int
    top: int
    left: int
    values: Tensor
    products: Tensor | None
    result: float


@dataclass(frozen=True)
class Sliding:
    """A window that slid over a matrix.

    Attributes:
        padded: the input with its border.  (H + P, W + P)
        kernel: (F, F); None for pooling.
        output: (H_out, W_out)
    """

    padded: Tensor
    kernel: Tensor | None
    pool: PoolKind | None
    placement: Window
    output: Tensor

    @property
    def steps(self) -> Iterator[Step]:
        """Every position, row by row."""
        height, width = self.placement.kernel
        rows, columns = self.placement.out_size
        stride = self.placement.stride[0]
        for i in range(rows * columns):
            row, column = divmod(i, columns)
            top, left = row * stride, column * stride
            values = self.padded[top : top + height, left : left + width]
            products = None if self.kernel is None else values * self.kernel
            result = float(self.output[row, column])
            yield Step(i + 1, row, column, top, left, values, products, result)

    def __len__(self) -> int:
        return self.output.numel()


def cross_correlate(
    image: Tensor, kernel: Tensor, *, stride: int = 1, padding: Padding = "valid"
) -> Sliding:
    """Slide a kernel over an image: (H, W) and (F, F) -> (H_out, W_out), see ``Sliding``.

    Raises:
        CnnlabError: the kernel does not fit, or the stride or padding is no size.
    """
    size, window = _size(image), _size(kernel)
    placement = place_windows(size, window, stride=stride, padding=padding)
    padded = pad(image.double(), placement)
    output = F.conv2d(padded[None, None], kernel.double()[None, None], stride=stride)[0, 0]
    return Sliding(padded, kernel.double(), None, placement, output)


def slide_pool(image: Tensor, kind: PoolKind, size: int) -> Sliding:
    """Pool an image window by window: (H, W) -> (H // size, W // size).

    Raises:
        CnnlabError: the window does not fit, or there is no such pooling.
    """
    placement = pool_placement(_size(image), kind, size)
    output = pool(image.double()[None], kind, size)[0]
    return Sliding(image.double(), None, kind, placement, output)


def pool(maps: Tensor, kind: PoolKind, size: int) -> Tensor:
    """Maximum, mean or minimum of windows side by side: (C, H, W) -> (C, H // size, W // size).

    Rows and columns beyond the last window are left out.

    Raises:
        CnnlabError: the window does not fit, or there is no such pooling.
    """
    height, width = maps.shape[-2:]
    pool_placement((height, width), kind, size)
    if kind == "avg":
        return F.avg_pool2d(maps, size)
    return F.max_pool2d(maps, size) if kind == "max" else -F.max_pool2d(-maps, size)


def pool_placement(in_size: tuple[int, int], kind: str, size: int) -> Window:
    """Where a pooling's windows are: their stride is their size.

    Raises:
        CnnlabError: the window does not fit, or there is no such pooling.
    """
    pool_kind(kind)
    if size < 1:
        raise CnnlabError(f"pooling of size {size}: it must be at least 1")
    return place_windows(in_size, (size, size), stride=size)


def pool_kind(text: str) -> PoolKind:
    """The pooling of that name.

    Raises:
        CnnlabError: there is none.
    """
    for kind in POOL_KINDS:
        if kind == text:
            return kind
    raise CnnlabError(f"no pooling '{text}'{nearest(text, POOL_KINDS)}")


def pad(image: Tensor, placement: Window) -> Tensor:
    """Add the border of zeros: (..., H, W) -> (..., H + P, W + P)."""
    rows, columns = placement.border
    return F.pad(image, (*columns, *rows))


def _size(matrix: Tensor) -> tuple[int, int]:
    if matrix.dim() != 2 or 0 in matrix.shape:
        shape = "x".join(map(str, matrix.shape)) or "one number"
        raise CnnlabError(f"a matrix of rows and columns is needed, not {shape}")
    if not torch.isfinite(matrix.double()).all():
        raise CnnlabError("the matrix has values that are not finite")
    return matrix.shape[0], matrix.shape[1]
