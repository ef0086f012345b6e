"""Residual blocks: of two and of three convolutions, and pre-activated."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Shortcut = Literal["A", "B", "none"]


class PadShortcut(nn.Module):
    """Option A: every stride-th pixel, and maps of zeros for the new channels. No parameters.

    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride))
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, out_channels - in_channels

    def forward(self, maps: Tensor) -> Tensor:
        before = self.new_channels // 2
        border = (0, 0, 0, 0, before, self.new_channels - before)
        return F.pad(maps[:, :, :: self.stride, :: self.stride], border)


def shortcut_layer(
    kind: Shortcut, in_channels: int, out_channels: int, stride: int, *, norm: bool = True
) -> nn.Module | None:
    """The shortcut of a block: the identity if the shape does not change.

    If it does: ``A`` is `PadShortcut`, ``B`` a 1x1 convolution (with batch norm if ``norm``).
    ``none`` returns None: a plain network without shortcuts.
    """
    if kind == "none":
        return None
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    if kind == "A":
        return PadShortcut(in_channels, out_channels, stride)
    projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(projection, nn.BatchNorm2d(out_channels)) if norm else projection


class BasicBlock(nn.Module):
    """ReLU(conv3x3-BN-ReLU-conv3x3-BN + shortcut) (He et al. 2016, fig. 5 left).

    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, shortcut: Shortcut = "B"
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut_layer(shortcut, in_channels, out_channels, stride)

    def forward(self, maps: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(maps)))  # (N, C_out, H', W')
        residual = self.norm2(self.conv2(residual))  # (N, C_out, H', W')
        if self.shortcut is None:
            return F.relu(residual)
        return F.relu(residual + self.shortcut(maps))  # (N, C_out, H', W')


class Bottleneck(nn.Module):
    """ReLU(conv1x1-BN-ReLU-conv3x3-BN-ReLU-conv1x1-BN + shortcut) (He et al. 2016, fig. 5 right).

    ``inner`` is the width of the first two convolutions. ``stride_on`` is the convolution with
    the stride: 1 in the paper (v1), 2 in nearly all code since (v1.5).
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self,
        in_channels: int,
        inner: int,
        out_channels: int,
        stride: int = 1,
        shortcut: Shortcut = "B",
        stride_on: Literal[1, 2] = 2,
    ) -> None:
        super().__init__()
        first, second = (stride, 1) if stride_on == 1 else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, inner, 1, first, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, second, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut_layer(shortcut, in_channels, out_channels, stride)

    def forward(self, maps: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(maps)))  # (N, inner, H or H', W or W')
        residual = F.relu(self.norm2(self.conv2(residual)))  # (N, inner, H', W')
        residual = self.norm3(self.conv3(residual))  # (N, C_out, H', W')
        if self.shortcut is None:
            return F.relu(residual)
        return F.relu(residual + self.shortcut(maps))  # (N, C_out, H', W')


class PreActBlock(nn.Module):
    """BN-ReLU-conv3x3-BN-ReLU-conv3x3 + shortcut: nothing after the sum (He et al. 2016b, fig. 1).

    In the ``first`` block of a stage the shortcut, too, starts after BN-ReLU (the paper's
    appendix); a projection has no batch norm. ``dropout`` is between the convolutions
    (Zagoruyko & Komodakis 2016). (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        shortcut: Shortcut = "B",
        *,
        first: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.first = first
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.shortcut = shortcut_layer(shortcut, in_channels, out_channels, stride, norm=False)

    def forward(self, maps: Tensor) -> Tensor:
        activated = F.relu(self.norm1(maps))  # (N, C_in, H, W)
        residual = self.dropout(F.relu(self.norm2(self.conv1(activated))))  # (N, C_out, H', W')
        residual = self.conv2(residual)  # (N, C_out, H', W')
        if self.shortcut is not None:
            residual = residual + self.shortcut(activated if self.first else maps)
        return residual  # type: ignore[no-any-return]  # (N, C_out, H', W')
