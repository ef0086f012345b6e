"""Kernels and pooling on a picture: what a convolution layer with that one kernel would give."""

from dataclasses import dataclass, replace

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.explain.convolution.kernels import Kernel
from cnnlab.explain.convolution.placement import Padding, place_windows, size_arithmetic
from cnnlab.explain.convolution.sliding import PoolKind, pad, pool, pool_placement
from cnnlab.explain.layers.formulas import by

STRONG = 99.5  # percentile of the responses' strength at which the colours end
FEW = 400  # responses of which the strongest is that end


@dataclass(frozen=True)
class MapPanel:
    """A picture or a map with what a figure says of it.

    Attributes:
        pixels: (C, H, W); three channels are red, green and blue.
        limits: values of the first and the last colour.
        kind: a picture from black to white, signed responses, or responses that are never negative.
        channels: how the channels of a colour picture were treated; empty for a grey one.
        arithmetic: of the output's size, a line for each operation.
    """

    name: str
    pixels: Tensor
    limits: tuple[float, float] = (0, 1)
    kind: str = "picture"
    kernel: Kernel | None = None
    channels: str = ""
    arithmetic: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        """``169x254x1``: height, width, channels."""
        channels, height, width = self.pixels.shape
        return by((height, width, channels))

    @property
    def image(self) -> NDArray[np.float32]:
        """(H, W) or (H, W, 3), as matplotlib takes it."""
        array: NDArray[np.float32] = self.pixels.permute(1, 2, 0).float().numpy()
        return array[..., 0] if array.shape[2] == 1 else array.clip(0, 1)


def activation_map(
    picture: Tensor, kernel: Kernel, *, stride: int = 1, padding: Padding = "valid"
) -> Tensor:
    """Cross-correlate a picture with a kernel: (C, H, W) -> (C or 1, H_out, W_out).

    A kernel whose weights add up to 1 makes another picture, so each channel is filtered alone.
    Any other is a feature detector: it spans all channels, as in a convolution layer, and their
    responses are added to one map.

    Raises:
        CnnlabError: the kernel does not fit, or the stride or padding is no size.
    """
    height, width = picture.shape[-2:]
    placement = place_windows((height, width), kernel.size, stride=stride, padding=padding)
    maps = F.conv2d(
        pad(picture.double(), placement)[:, None], kernel.weights[None, None], stride=stride
    )[:, 0]
    return maps if kernel.keeps_brightness else maps.sum(0, keepdim=True)


def picture_panel(picture: Tensor) -> MapPanel:
    """The picture itself: (1 or 3, H, W) from 0, black, to 1."""
    return MapPanel("picture", picture, channels="RGB" if len(picture) == 3 else "")


def map_panel(
    picture: Tensor, kernel: Kernel, *, stride: int = 1, padding: Padding = "valid"
) -> MapPanel:
    """The activation map of a kernel, with the colours that suit it.

    Raises:
        CnnlabError: the kernel does not fit, or the stride or padding is no size.
    """
    height, width = picture.shape[-2:]
    placement = place_windows((height, width), kernel.size, stride=stride, padding=padding)
    maps = activation_map(picture, kernel, stride=stride, padding=padding)
    channels = ""
    if len(picture) == 3:
        channels = "R, G, B each" if kernel.keeps_brightness else "R + G + B"
    kind = "picture"
    if not kernel.keeps_brightness:
        kind = "signed" if min(map(min, kernel.rows)) < 0 else "positive"
    sizes = f"{by(kernel.size)} kernel, stride {stride}, padding {padding}"
    lines = (f"{sizes}: {size_arithmetic(placement)}",)
    return MapPanel(kernel.name, maps, _limits(maps, kind), kind, kernel, channels, lines)


def pool_panel(panel: MapPanel, kind: PoolKind, size: int) -> MapPanel:
    """The panel after pooling, in the same colours.

    Raises:
        CnnlabError: the window does not fit, or there is no such pooling.
    """
    height, width = panel.pixels.shape[-2:]
    placement = pool_placement((height, width), kind, size)
    pooling = f"{kind} pooling {size}x{size}"
    return replace(
        panel,
        name=pooling if panel.kernel is None else f"{panel.name}, {pooling}",
        pixels=pool(panel.pixels, kind, size),
        arithmetic=(*panel.arithmetic, f"{pooling}: {size_arithmetic(placement)}"),
    )


def _limits(maps: Tensor, kind: str) -> tuple[float, float]:
    """Ends of the colours: 0 to 1 for a picture, symmetric about 0 for signed responses."""
    if kind == "picture":
        return 0, 1
    strength = maps.abs().numpy()
    end = float(strength.max())
    if strength.size > FEW:
        end = float(np.percentile(strength, STRONG)) or end
    end = end or 1.0
    return (-end, end) if kind == "signed" else (0, end)
