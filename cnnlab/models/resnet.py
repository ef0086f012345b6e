"""Residual networks for small images, and plain ones: depth 6n+2, three stages of n blocks."""

from typing import Annotated

from torch import Tensor, nn

from cnnlab.models.layers import GlobalAvgPool2d, init_weights
from cnnlab.models.residual import BasicBlock, PreActBlock, Shortcut
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec


@MODELS.register(
    "resnet", paper="He et al. 2016, Deep residual learning for image recognition", version=2
)
class ResNet(nn.Module):
    """ResNet of section 4.2, designed for CIFAR: a 3x3 convolution, then n blocks at each of
    16, 32 and 64 channels, global average pooling and one linear layer.

    ResNet-20 has 269,722 parameters at 32x32x3 with 10 classes. Initialised as in the authors' code
    of 2016b: convolutions as He et al. 2015 (fan_out), the linear layer's weights as torch does it,
    its bias 0. (N, C, H, W) -> (N, K)

    Args:
        depth: number of layers with weights, 6n+2; the paper: 20, 32, 44, 56, 110 and 1202.
        shortcut: how the first block of a stage matches shapes. A pads the new channels with zeros
            (paper), B projects by a 1x1 convolution; none leaves out all shortcuts, which is the
            paper's plain network.
        preactivation: batch norm and ReLU before each convolution (He et al. 2016b, Identity
            mappings in deep residual networks).

    Raises:
        ValueError: depth is not 6n+2.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        depth: Annotated[int, Range(at_least=8)] = 20,
        shortcut: Shortcut = "A",
        preactivation: bool = False,
    ) -> None:
        super().__init__()
        num_blocks, remainder = divmod(depth - 2, 6)
        if remainder or num_blocks < 1:
            nearest = 6 * max(1, round((depth - 2) / 6)) + 2
            raise ValueError(
                f"depth={depth} must be 6n+2 (20, 32, 44, 56, 110); the nearest is {nearest}"
            )
        self.preactivation = preactivation
        stage = _preactivated_stage if preactivation else _stage
        self.conv = nn.Conv2d(spec.channels, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64 if preactivation else 16)
        self.relu = nn.ReLU()
        self.stage1 = stage(16, 16, num_blocks, 1, shortcut)
        self.stage2 = stage(16, 32, num_blocks, 2, shortcut)
        self.stage3 = stage(32, 64, num_blocks, 2, shortcut)
        init_weights(self, "he_fan_out")
        self.pool = GlobalAvgPool2d()
        self.classifier = nn.Linear(64, spec.num_classes)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv(images)  # (N, 16, 32, 32)
        if not self.preactivation:
            maps = self.relu(self.norm(maps))  # (N, 16, 32, 32)
        maps = self.stage1(maps)  # (N, 16, 32, 32)
        maps = self.stage2(maps)  # (N, 32, 16, 16)
        maps = self.stage3(maps)  # (N, 64, 8, 8)
        if self.preactivation:
            maps = self.relu(self.norm(maps))  # (N, 64, 8, 8)
        features = self.pool(maps)  # (N, 64)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


def _stage(
    in_channels: int, out_channels: int, num_blocks: int, stride: int, shortcut: Shortcut
) -> nn.Sequential:
    """n blocks; the first one changes the shape."""
    first = BasicBlock(in_channels, out_channels, stride, shortcut)
    rest = (BasicBlock(out_channels, out_channels, 1, shortcut) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *rest)


def _preactivated_stage(
    in_channels: int, out_channels: int, num_blocks: int, stride: int, shortcut: Shortcut
) -> nn.Sequential:
    first = PreActBlock(in_channels, out_channels, stride, shortcut, first=True)
    rest = (PreActBlock(out_channels, out_channels, 1, shortcut) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *rest)
