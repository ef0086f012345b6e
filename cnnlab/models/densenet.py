"""DenseNet: each layer of a block takes the outputs of all layers before it."""

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from cnnlab.models.layers import GlobalAvgPool2d, init_weights
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec

# Table 1 of the paper: dense layers in each block, for ImageNet.
_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}


@MODELS.register(
    "densenet", paper="Huang et al. 2017, Densely connected convolutional networks", version=2
)
class DenseNet(nn.Module):
    """A convolution, dense blocks with transitions that halve the map between them, a linear layer.

    The defaults are DenseNet-BC-100-12 for CIFAR (769,162 parameters at 32x32x3 with 10 classes);
    ``depth=121 growth_rate=32 stem=imagenet`` is DenseNet-121 (7,978,856 with 1000 classes).

    Args:
        depth: number of layers with weights. With stem=small there are three equal blocks, so
            depth is 6n+4, or 3n+4 without bottlenecks; with stem=imagenet 121, 169 or 201.
        growth_rate: channels that each layer adds (k in the paper).
        bottleneck: a 1x1 convolution to 4k channels before each 3x3 (the B of DenseNet-BC).
        compression: fraction of the channels that a transition keeps (0.5 is the C).
        stem: small is one 3x3 convolution, imagenet a 7x7 with stride 2 and a max pool.
        dropout: probability of dropping each activation after every convolution but the first;
            the paper: 0.2 on data that are not augmented.

    Convolutions are initialised as He et al. 2015, with stem=small by fan_out (the authors' code),
    with stem=imagenet by fan_in (torchvision); the linear layer's weights as torch does it, its
    bias 0. (N, C, H, W) -> (N, K)

    Differs: with stem=imagenet the authors' code initialises by fan_out, too.

    Raises:
        ValueError: an impossible depth, images too small for the strides, a compression that leaves
            a transition no channels.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        depth: Annotated[int, Range(at_least=7)] = 100,
        growth_rate: Annotated[int, Range(at_least=1)] = 12,
        bottleneck: bool = True,
        compression: Annotated[float, Range(above=0, at_most=1)] = 0.5,
        stem: Literal["small", "imagenet"] = "small",
        dropout: Annotated[float, Range(at_least=0, below=1)] = 0.0,
    ) -> None:
        super().__init__()
        blocks = _layers_per_block(depth, stem, bottleneck)
        least = 2 ** (len(blocks) - 1) if stem == "small" else 29
        if min(spec.height, spec.width) < least:
            raise ValueError(
                f"needs images of at least {least}x{least}, not {spec.height}x{spec.width}"
            )
        channels = 16 if stem == "small" and not bottleneck else 2 * growth_rate
        self.stem = _stem(spec.channels, channels, stem)
        self.blocks = nn.Sequential()
        for number, num_layers in enumerate(blocks, start=1):
            if number > 1:
                kept = int(channels * compression)
                if kept < 1:
                    raise ValueError(
                        f"compression={compression:g} leaves none of the {channels} channels of "
                        f"transition {number - 1}; it must be at least 1/{channels}"
                    )
                self.blocks.add_module(
                    f"transition{number - 1}", _transition(channels, kept, dropout)
                )
                channels = kept
            layers = [
                DenseLayer(channels + i * growth_rate, growth_rate, bottleneck, dropout)
                for i in range(num_layers)
            ]
            self.blocks.add_module(f"block{number}", nn.Sequential(*layers))
            channels += num_layers * growth_rate
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        init_weights(self, "he_fan_out" if stem == "small" else "he")
        self.pool = GlobalAvgPool2d()
        self.classifier = nn.Linear(channels, spec.num_classes)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        # Shapes of DenseNet-BC-100-12 at 32x32.
        maps = self.stem(images)  # (N, 24, 32, 32)
        maps = self.blocks(maps)  # (N, 216, 32, 32), (N, 300, 16, 16), (N, 342, 8, 8)
        features = self.pool(self.relu(self.norm(maps)))  # (N, 342)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


class DenseLayer(nn.Module):
    """[norm, ReLU, conv 1x1 to 4k,] norm, ReLU, conv 3x3 to k maps, concatenated to the input.

    (N, C, H, W) -> (N, C + k, H, W)
    """

    def __init__(
        self, in_channels: int, growth_rate: int, bottleneck: bool, dropout: float
    ) -> None:
        super().__init__()
        self.new_maps = nn.Sequential()
        if bottleneck:
            self.new_maps.extend(_norm_relu_conv(in_channels, 4 * growth_rate, 1, dropout))
            in_channels = 4 * growth_rate
        self.new_maps.extend(_norm_relu_conv(in_channels, growth_rate, 3, dropout))

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps, self.new_maps(maps)], dim=1)


def _norm_relu_conv(
    in_channels: int, out_channels: int, kernel_size: int, dropout: float
) -> nn.Sequential:
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(), conv, *drop)


def _transition(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    """Fewer maps of half the size."""
    return nn.Sequential(*_norm_relu_conv(in_channels, out_channels, 1, dropout), nn.AvgPool2d(2))


def _stem(in_channels: int, out_channels: int, stem: Literal["small", "imagenet"]) -> nn.Sequential:
    if stem == "small":
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False))
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 7, stride=2, padding=3, bias=False),  # 112x112
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),  # 56x56
    )


def _layers_per_block(depth: int, stem: str, bottleneck: bool) -> tuple[int, ...]:
    if stem == "imagenet":
        if not bottleneck:
            raise ValueError(
                "stem=imagenet needs bottleneck=true, as its depths include the bottlenecks"
            )
        if depth not in _BLOCKS:
            nearest = min(_BLOCKS, key=lambda known: abs(known - depth))
            raise ValueError(
                f"depth={depth} must be 121, 169 or 201 with stem=imagenet; "
                f"the nearest is {nearest}"
            )
        return _BLOCKS[depth]
    step = 6 if bottleneck else 3
    num_layers, remainder = divmod(depth - 4, step)
    if remainder or num_layers < 1:
        nearest = step * max(1, round((depth - 4) / step)) + 4
        raise ValueError(
            f"depth={depth} must be {step}n+4 with stem=small and "
            f"bottleneck={str(bottleneck).lower()}; the nearest is {nearest}"
        )
    return (num_layers,) * 3
