"""ConvNeXt: a convolutional network designed like a transformer."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import torch
from torch import Tensor, nn

from cnnlab.models.layers import GlobalAvgPool2d, pad_to_32
from cnnlab.registry import MODELS, Flags, Range
from cnnlab.spec import ImageSpec


@MODELS.register("convnext", paper="Liu et al. 2022, A ConvNet for the 2020s")
class ConvNeXt(nn.Module):
    """Patch embedding, four stages of depthwise 7x7 blocks with 2x2 convolutions between, linear.

    The defaults suit small images; the variant ``convnext_tiny`` is the paper's ConvNeXt-T
    (28,589,128 parameters at 224x224x3 with 1000 classes).

    Args:
        blocks: number of blocks in each of the four stages; ConvNeXt-T: 3, 3, 9, 3.
        channels: channels of each stage; ConvNeXt-T: 96, 192, 384, 768.
        patch: kernel size and stride of the first convolution, in pixels; the paper: 4.
        layer_scale: initial value of the trained factor, one per channel, on each block's output.
        stochastic_depth: probability of dropping the residual of the last block, drawn for each
            image while training; falls linearly to 0 at the first block (Huang et al. 2016, Deep
            networks with stochastic depth). ConvNeXt-T: 0.1.

    Initialised as in the paper's code: weights from N(0, 0.02), truncated at 2, biases 0.
    (N, C, H, W) -> (N, K); 28x28 images are padded to 32x32.

    Differs: the defaults are smaller than any in the paper, and drop no residuals.

    Raises:
        ValueError: not four stages, a number below 1, images too small for the strides.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        blocks: tuple[int, ...] = (2, 2, 6, 2),
        channels: tuple[int, ...] = (40, 80, 160, 320),
        patch: Annotated[int, Range(at_least=1)] = 2,
        layer_scale: Annotated[float, Range(above=0)] = 1e-6,
        stochastic_depth: Annotated[float, Range(at_least=0, below=1), Flags(neutral=0.0)] = 0.0,
    ) -> None:
        super().__init__()
        for name, numbers in (("blocks", blocks), ("channels", channels)):
            if len(numbers) != 4 or min(numbers) < 1:
                raise ValueError(
                    f"{name}={list(numbers)} must be 4 numbers of at least 1, one per stage"
                )
        self.pad, height, width = pad_to_32(spec.height, spec.width)
        least = 28 if patch == 4 else 8 * patch
        if min(height, width) < 8 * patch:
            raise ValueError(
                f"patch={patch} needs images of at least {least}x{least}, "
                f"not {spec.height}x{spec.width}"
            )
        c1, c2, c3, c4 = channels
        n1, n2, n3, n4 = blocks
        last = sum(blocks) - 1
        drops = (stochastic_depth * number / last for number in range(last + 1))
        self.stem = nn.Sequential(nn.Conv2d(spec.channels, c1, patch, patch), LayerNorm2d(c1))
        self.stage1 = _stage(c1, n1, layer_scale, drops)
        self.down1 = nn.Sequential(LayerNorm2d(c1), nn.Conv2d(c1, c2, 2, stride=2))
        self.stage2 = _stage(c2, n2, layer_scale, drops)
        self.down2 = nn.Sequential(LayerNorm2d(c2), nn.Conv2d(c2, c3, 2, stride=2))
        self.stage3 = _stage(c3, n3, layer_scale, drops)
        self.down3 = nn.Sequential(LayerNorm2d(c3), nn.Conv2d(c3, c4, 2, stride=2))
        self.stage4 = _stage(c4, n4, layer_scale, drops)
        self.pool = GlobalAvgPool2d()
        self.norm = nn.LayerNorm(c4, eps=1e-6)
        self.classifier = nn.Linear(c4, spec.num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and not layer.weight.is_meta:
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # every layer here has one

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(self.pad(images))  # (N, 40, 16, 16)
        maps = self.stage1(maps)  # (N, 40, 16, 16)
        maps = self.stage2(self.down1(maps))  # (N, 80, 8, 8)
        maps = self.stage3(self.down2(maps))  # (N, 160, 4, 4)
        maps = self.stage4(self.down3(maps))  # (N, 320, 2, 2)
        features = self.norm(self.pool(maps))  # (N, 320)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


class LayerNorm2d(nn.LayerNorm):
    """Layer norm of every pixel over its maps. (N, C, H, W) -> (N, C, H, W)"""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class StochasticDepth(nn.Module):
    """Drops the residual of each image with probability p while training; others are over 1 - p.

    (N, ...) -> (N, ...)
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, residual: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return residual
        kept = residual.new_empty(len(residual), *[1] * (residual.ndim - 1)).bernoulli_(1 - self.p)
        return residual * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"


class Block(nn.Module):
    """maps + scale * (depthwise 7x7, layer norm, linear to 4C, GELU, linear back to C).

    ``drop`` is the probability of leaving out that sum. (N, C, H, W) -> (N, C, H, W)
    """

    def __init__(self, channels: int, layer_scale: float, drop: float = 0.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), layer_scale))
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand = nn.Linear(channels, 4 * channels)
        self.gelu = nn.GELU()
        self.project = nn.Linear(4 * channels, channels)
        self.drop = StochasticDepth(drop)

    def forward(self, maps: Tensor) -> Tensor:
        pixels = self.depthwise(maps).permute(0, 2, 3, 1)  # (N, H, W, C)
        pixels = self.gelu(self.expand(self.norm(pixels)))  # (N, H, W, 4C)
        residual: Tensor = self.scale * self.project(pixels)  # (N, H, W, C)
        residual = self.drop(residual.permute(0, 3, 1, 2))  # (N, C, H, W)
        return maps + residual


def _stage(
    channels: int, num_blocks: int, layer_scale: float, drops: Iterator[float]
) -> nn.Sequential:
    """Each block takes the next of the probabilities."""
    return nn.Sequential(
        *(Block(channels, layer_scale, drop) for drop in islice(drops, num_blocks))
    )
