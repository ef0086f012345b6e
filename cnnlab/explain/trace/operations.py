"""Torch's operations as a table of layers needs them: sliding windows, products, sizes changed.

Networks reach few of them, whatever modules or functions they are written with.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch._ops import OpOverload

Size = tuple[int, int]  # height, width
Given = Mapping[str, Any]  # an operation's arguments by name


@dataclass(frozen=True)
class Window:
    """A window that slides over a map: a convolution or a pooling."""

    in_size: Size  # before any border
    out_size: Size
    kernel: Size
    stride: Size
    border: tuple[Size, Size]  # (top, bottom), (left, right)
    dilation: Size = (1, 1)
    groups: int = 1
    channels: Size | None = None  # (K, channels that a kernel spans); None for pooling
    transposed: bool = False
    ceil: bool = False  # the last window may stand out over the border

    @property
    def reach(self) -> Size:
        """Places from one end of the kernel to the other, counting the gaps of a dilation."""
        height, width = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return height, width

    @property
    def rest(self) -> Size:
        """Rows and columns of the bordered map behind the last window."""
        if self.transposed:
            return 0, 0
        rows, columns = (
            n + sum(border) - reach - (out - 1) * stride
            for n, border, reach, out, stride in zip(
                self.in_size, self.border, self.reach, self.out_size, self.stride, strict=True
            )
        )
        return rows, columns


@dataclass(frozen=True)
class Product:
    """``rows`` times a matrix of ``inputs`` x ``outputs``."""

    rows: int
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Resize:
    """A map averaged over all or parts of it, or interpolated."""

    in_size: Size
    out_size: Size


@dataclass(frozen=True)
class Border:
    """Rows and columns set around a map."""

    in_size: Size
    rows: Size  # top, bottom
    columns: Size  # left, right


Step = Window | Product | Resize | Border


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors among arguments or outputs, however deep in lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)


def arguments(operation: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Given:
    """An operation's arguments by name, defaults filled in."""
    named = dict(_defaults(operation))
    named.update(zip(named, args, strict=False))
    named.update(kwargs)
    return named


@functools.cache
def _defaults(operation: OpOverload) -> tuple[tuple[str, Any], ...]:
    schema = operation._schema
    return tuple((a.name, a.default_value) for a in schema.arguments)


def step_of(name: str, given: Given, shape: Sequence[int]) -> Step | None:
    """What an operation with an output of that shape does, if a table has anything to say of it."""
    if name == "convolution":
        return _convolution(given, shape)
    if name in ("max_pool2d_with_indices", "avg_pool2d"):
        return _pool(given, shape)
    if name in ("mm", "addmm", "bmm", "baddbmm"):
        second = given.get("mat2", given.get("batch2"))
        rows = 1
        for size in shape[:-1]:
            rows *= size
        return Product(rows, second.shape[-2], second.shape[-1])
    if name == "mean":
        return _mean(given)
    if name in ("_adaptive_avg_pool2d", "adaptive_max_pool2d") or name.startswith("upsample_"):
        maps = given.get("self", given.get("input"))
        return Resize(_last(maps.shape), _last(shape))
    if name == "constant_pad_nd" and 2 <= len(given["pad"]) <= 4:
        left, right, *rows = given["pad"]
        top, bottom = rows or (0, 0)
        return Border(_last(given["self"].shape), (top, bottom), (left, right))
    return None


def _last(shape: Sequence[int]) -> Size:
    return shape[-2], shape[-1]


def _pair(values: Sequence[int]) -> Size:
    """Torch may hold one number for both sides."""
    return values[0], values[-1]


def _symmetric(padding: Sequence[int]) -> tuple[Size, Size]:
    rows, columns = _pair(padding)
    return (rows, rows), (columns, columns)


def _convolution(given: Given, shape: Sequence[int]) -> Window | None:
    weight = given["weight"]
    if weight.dim() != 4:
        return None
    spanned = given["input"].shape[1] // given["groups"]
    return Window(
        in_size=_last(given["input"].shape),
        out_size=_last(shape),
        kernel=_last(weight.shape),
        stride=_pair(given["stride"]),
        border=_symmetric(given["padding"]),
        dilation=_pair(given["dilation"]),
        groups=given["groups"],
        channels=(shape[1], spanned),
        transposed=given["transposed"],
    )


def _pool(given: Given, shape: Sequence[int]) -> Window:
    kernel = _pair(given["kernel_size"])
    return Window(
        in_size=_last(given["self"].shape),
        out_size=_last(shape),
        kernel=kernel,
        stride=_pair(given["stride"] or kernel),
        border=_symmetric(given["padding"]),
        dilation=_pair(given.get("dilation") or (1,)),
        ceil=given["ceil_mode"],
    )


def _mean(given: Given) -> Resize | None:
    maps = given["self"]
    dims = {dim % maps.dim() for dim in given.get("dim") or range(maps.dim())}
    return Resize(_last(maps.shape), (1, 1)) if maps.dim() == 4 and {2, 3} <= dims else None
