"""The builders of a conv_stack's layers: each turns the arguments of a line into a module.

A builder's first parameter is the signal that enters the line; its other parameters are the
arguments of the line, read by `stack.lines`. It returns the module and the shape of its output,
without N.
"""

import math
from dataclasses import dataclass
from typing import Annotated, get_args

from torch import nn

from cnnlab.models.layers import (
    Activation,
    GlobalAvgPool2d,
    Padding,
    Pool,
    activation_layer,
    conv2d,
    local_response_norm,
    output_size,
    pool2d,
)
from cnnlab.models.residual import BasicBlock
from cnnlab.models.stack.lines import Builder
from cnnlab.registry import Range

_COUNTS = Range(at_least=1, at_most=65536)  # more is a typing error
Count = Annotated[int, _COUNTS]
Border = Annotated[Padding, Range(at_least=0)]
Shape = tuple[int, ...]  # (C, H, W) of a map, (F,) of a vector
Built = tuple[nn.Module, Shape]


@dataclass(frozen=True)
class Signal:
    """The input of a line: its shape without N, and which line it is the output of, in words."""

    shape: Shape
    origin: str  # "from line 4", "of the input"

    @property
    def num_features(self) -> int:
        """Numbers in it, C * H * W or F."""
        return math.prod(self.shape)

    def as_map(self) -> tuple[int, int, int]:
        """(C, H, W).

        Raises:
            ValueError: it is a vector, the output of a `flatten` or `linear`.
        """
        if len(self.shape) == 1:
            raise ValueError(
                f"needs a map, not the vector of {self.shape[0]} numbers {self.origin}"
            )
        channels, height, width = self.shape
        return channels, height, width

    def slide(self, kernel: int, stride: int, padding: Padding) -> tuple[int, int]:
        """(H, W) after a window of that kernel.

        Raises:
            ValueError: the window does not fit.
        """
        _, height, width = self.as_map()
        if isinstance(padding, int) and padding >= kernel:
            raise ValueError(
                f"padding={padding} must be below kernel {kernel}, "
                "or a window would hold only padding"
            )
        rows, columns = (output_size(size, kernel, stride, padding) for size in (height, width))
        if rows < 1 or columns < 1:
            border = f" with padding {padding}" if isinstance(padding, int) and padding else ""
            raise ValueError(
                f"kernel {kernel}{border} does not fit the {height}x{width} map {self.origin}"
            )
        return rows, columns


def _conv(
    signal: Signal,
    channels: Count,
    kernel: Count,
    *,
    stride: Count = 1,
    padding: Border = "valid",
    groups: Count = 1,
    bias: bool = True,
) -> Built:
    in_channels, *_ = signal.as_map()
    if in_channels % groups or channels % groups:
        raise ValueError(f"groups={groups} must divide the channels, {in_channels} and {channels}")
    size = signal.slide(kernel, stride, padding)
    conv = conv2d(in_channels, channels, kernel, stride, padding, groups=groups, bias=bias)
    return conv, (channels, *size)


def _pool(kind: Pool) -> Builder:
    def build(
        signal: Signal,
        kernel: Count,
        *,
        stride: Annotated[int | None, _COUNTS] = None,
        padding: Border = "valid",
    ) -> Built:
        channels, *_ = signal.as_map()
        pool = pool2d(kind, kernel, stride, padding)
        return pool, (channels, *signal.slide(kernel, stride or kernel, padding))

    return build


def _residual(signal: Signal, channels: Count, *, stride: Count = 1) -> Built:
    in_channels, height, width = signal.as_map()
    rows, columns = (output_size(size, 3, stride, "same") for size in (height, width))
    return BasicBlock(in_channels, channels, stride, "B"), (channels, rows, columns)


def _batchnorm(signal: Signal) -> Built:
    norm = nn.BatchNorm1d if len(signal.shape) == 1 else nn.BatchNorm2d
    return norm(signal.shape[0]), signal.shape


def _lrn(signal: Signal) -> Built:
    return local_response_norm(), signal.as_map()


def _activation(name: Activation) -> Builder:
    def build(signal: Signal) -> Built:
        return activation_layer(name), signal.shape

    return build


def _globalavgpool(signal: Signal) -> Built:
    channels, *_ = signal.as_map()
    return GlobalAvgPool2d(), (channels,)


def _flatten(signal: Signal) -> Built:
    return nn.Flatten(), (signal.num_features,)


def _linear(signal: Signal, units: Count) -> Built:
    linear = nn.Linear(signal.num_features, units)
    return nn.Sequential(nn.Flatten(), linear) if len(signal.shape) > 1 else linear, (units,)


def _dropout(signal: Signal, p: Annotated[float, Range(at_least=0, below=1)]) -> Built:
    return nn.Dropout(p), signal.shape


BUILDERS: dict[str, Builder] = {
    "conv": _conv,
    "maxpool": _pool("max"),
    "avgpool": _pool("avg"),
    "minpool": _pool("min"),
    "globalavgpool": _globalavgpool,
    "residual": _residual,
    "batchnorm": _batchnorm,
    "lrn": _lrn,
    "flatten": _flatten,
    "linear": _linear,
    "dropout": _dropout,
    **{name: _activation(name) for name in get_args(Activation)},
}
