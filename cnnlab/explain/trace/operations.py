"""Torch's operations as a table of layers needs them: windows, products, resizing, borders.

There are few of them, whatever modules or functions a network is written with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cnnlab.explain.trace.torch_bridge import Arguments

Size = tuple[int, int]  # height, width


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
    ceil: bool = False  # the last window may extend beyond the border

    @property
    def effective_kernel(self) -> Size:
        """Height and width of the kernel including the gaps of a dilation: d * (k - 1) + 1."""
        height, width = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return height, width

    @property
    def remainder(self) -> Size:
        """Rows and columns of the padded map beyond the last window."""
        if self.transposed:
            return 0, 0
        rows, columns = (
            n + sum(border) - kernel - (out - 1) * stride
            for n, border, kernel, out, stride in zip(
                self.in_size,
                self.border,
                self.effective_kernel,
                self.out_size,
                self.stride,
                strict=True,
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
    """Rows and columns added around a map."""

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


def step_of(name: str, args: Arguments, shape: Sequence[int]) -> Step | None:
    """What an operation with an output of that shape does; None if it is of no such kind."""
    if name == "convolution":
        return _convolution(args, shape)
    if name in ("max_pool2d_with_indices", "avg_pool2d"):
        return _pool(args, shape)
    if name in ("mm", "addmm", "bmm", "baddbmm"):
        second = args.get("mat2", args.get("batch2"))
        rows = 1
        for size in shape[:-1]:
            rows *= size
        return Product(rows, second.shape[-2], second.shape[-1])
    if name == "mean":
        return _mean(args)
    if name in ("_adaptive_avg_pool2d", "adaptive_max_pool2d") or name.startswith("upsample_"):
        maps = args.get("self", args.get("input"))
        return Resize(_last(maps.shape), _last(shape))
    if name == "constant_pad_nd" and 2 <= len(args["pad"]) <= 4:
        left, right, *rows = args["pad"]
        top, bottom = rows or (0, 0)
        return Border(_last(args["self"].shape), (top, bottom), (left, right))
    return None


def _last(shape: Sequence[int]) -> Size:
    return shape[-2], shape[-1]


def _pair(values: Sequence[int]) -> Size:
    """Torch may hold one number for both sides."""
    return values[0], values[-1]


def _symmetric(padding: Sequence[int]) -> tuple[Size, Size]:
    rows, columns = _pair(padding)
    return (rows, rows), (columns, columns)


def _convolution(args: Arguments, shape: Sequence[int]) -> Window | None:
    weight = args["weight"]
    if weight.dim() != 4:
        return None
    spanned = args["input"].shape[1] // args["groups"]
    return Window(
        in_size=_last(args["input"].shape),
        out_size=_last(shape),
        kernel=_last(weight.shape),
        stride=_pair(args["stride"]),
        border=_symmetric(args["padding"]),
        dilation=_pair(args["dilation"]),
        groups=args["groups"],
        channels=(shape[1], spanned),
        transposed=args["transposed"],
    )


def _pool(args: Arguments, shape: Sequence[int]) -> Window:
    kernel = _pair(args["kernel_size"])
    return Window(
        in_size=_last(args["self"].shape),
        out_size=_last(shape),
        kernel=kernel,
        stride=_pair(args["stride"] or kernel),
        border=_symmetric(args["padding"]),
        dilation=_pair(args.get("dilation") or (1,)),
        ceil=args["ceil_mode"],
    )


def _mean(args: Arguments) -> Resize | None:
    maps = args["self"]
    dims = {dim % maps.dim() for dim in args.get("dim") or range(maps.dim())}
    return Resize(_last(maps.shape), (1, 1)) if maps.dim() == 4 and {2, 3} <= dims else None
