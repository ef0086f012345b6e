"""The network of the CIFAR-10 speed records: whitened patches, six convolutions, one linear."""

import torch
from torch import Tensor, nn

from cnnlab.models.whitening import WhiteningConv2d
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

MOMENTUM, EPS = 0.4, 1e-12  # of batch norm; the momentum is the weight of the new batch
PATCH = 2  # pixels of a side that are whitened
LEAST = 9  # pixels of a side: 8 after the whitening, which are halved three times


@MODELS.register("airbench", paper="Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU")
class Airbench(nn.Module):
    """The network of airbench94: a whitening layer, then three blocks of two 3x3 convolutions.

    1,972,792 parameters at 32x32x3 with 10 classes, 1,440 of them fixed. Convolutions begin as
    the identity on their first channels, batch norm trains its biases alone, and the logits are
    divided by the number of features. (N, C, H, W) -> (N, K)

    Args:
        widths: channels of the three blocks.
        whitening: fix the first layer's kernels to those that whiten training images; false trains
            them from random ones.

    Raises:
        ValueError: images are smaller than 9x9, or a width is 0.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        widths: tuple[int, int, int] = (64, 256, 256),
        whitening: bool = True,
    ) -> None:
        super().__init__()
        if min(spec.height, spec.width) < LEAST:
            raise ValueError(
                f"needs images of at least {LEAST}x{LEAST}, not {spec.height}x{spec.width}"
            )
        if min(widths) < 1:
            raise ValueError(f"widths={list(widths)} must be at least 1 everywhere")
        whiten = WhiteningConv2d(spec.channels, PATCH)
        maps = whiten.out_channels
        self.whiten = whiten if whitening else nn.Conv2d(spec.channels, maps, PATCH)
        self.activation = nn.GELU()
        channels = (maps, *widths)
        self.block1, self.block2, self.block3 = (
            ConvBlock(before, after) for before, after in zip(channels, widths, strict=False)
        )
        rest = ((spec.height - 1) // 8, (spec.width - 1) // 8)
        self.pool = nn.MaxPool2d(rest)
        self.classifier = nn.Linear(widths[-1], spec.num_classes, bias=False)
        if not self.classifier.weight.is_meta:
            self.classifier.weight.data /= self.classifier.weight.std()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.activation(self.whiten(images))  # (N, 24, 31, 31)
        maps = self.block1(maps)  # (N, 64, 15, 15)
        maps = self.block2(maps)  # (N, 256, 7, 7)
        maps = self.block3(maps)  # (N, 256, 3, 3)
        features = self.pool(maps).flatten(1)  # (N, 256)
        return self.classifier(features) / features.shape[1]  # type: ignore[no-any-return]  # (N, K)


class ConvBlock(nn.Module):
    """Convolution, pooling, norm and GELU, then another without pooling.

    (N, C, H, W) -> (N, C', H / 2, W / 2)
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = identity_conv(in_channels, out_channels)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = shift_norm(out_channels)
        self.conv2 = identity_conv(out_channels, out_channels)
        self.norm2 = shift_norm(out_channels)
        self.activation = nn.GELU()

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.activation(self.norm1(self.pool(self.conv1(maps))))
        return self.activation(self.norm2(self.conv2(maps)))  # type: ignore[no-any-return]


def identity_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution that passes its input on as its first channels; others begin at random."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    if not conv.weight.is_meta:
        with torch.no_grad():
            nn.init.dirac_(conv.weight[:in_channels])
    return conv


def shift_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm whose scale stays 1; statistics follow within a few batches."""
    norm = nn.BatchNorm2d(channels, eps=EPS, momentum=MOMENTUM)
    norm.weight.requires_grad_(False)
    return norm
