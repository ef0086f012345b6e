"""The residual block, as ResNet is built of and as a line of a conv_stack names it."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Shortcut = Literal["A", "B"]


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


class BasicBlock(nn.Module):
    """ReLU(conv3x3-BN-ReLU-conv3x3-BN + shortcut) (He et al. 2016, fig. 2).

    The shortcut is the identity; where the shape changes it is ``A``, `PadShortcut`, or ``B``,
    a 1x1 convolution with batch norm.
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
        self.shortcut: nn.Module
        if in_channels == out_channels and stride == 1:
            self.shortcut = nn.Identity()
        elif shortcut == "A":
            self.shortcut = PadShortcut(in_channels, out_channels, stride)
        else:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(out_channels))

    def forward(self, maps: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(maps)))
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(maps))
