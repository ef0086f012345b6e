"""AlexNet cut down to small images: the five convolutions of 2012 on 32x32 pixels."""

from typing import Annotated, Literal

from torch import Tensor, nn

from cnnlab.models.layers import (
    Activation,
    activation_layer,
    init_weights,
    local_response_norm,
    output_size,
    pad_to_32,
)
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec

Norm = Literal["none", "lrn", "batch"]


@MODELS.register(
    "alexnet",
    paper="Krizhevsky et al. 2012, ImageNet classification with deep convolutional networks",
)
class AlexNet(nn.Module):
    """Conv 11x11/4, pool, conv 5x5, pool, three convs 3x3, pool, then fully connected layers.

    The defaults are the network usual for CIFAR: padding 5 in front of the first convolution and
    2x2 pools keep 32x32 images from vanishing, and one linear layer ends it (2,472,266 parameters,
    15.0 million MACs at 32x32x3 with 10 classes). 28x28 images are padded by 2.

    ``channels`` and ``hidden`` are the widths of the five convolutions and of the fully connected
    layers before the last. ``norm`` is ``lrn`` after the first two convolutions, as in the paper,
    or ``batch`` in all five. ``dropout`` acts on every hidden layer, without any on the features.
    Initialised as He et al. 2015: the paper's N(0, 0.01) needs its many epochs to get going.
    (N, C, H, W) -> (N, K)

    Raises:
        ValueError: not five channel numbers, a width below 1, a side of less than 28 pixels.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        channels: tuple[int, ...] = (64, 192, 384, 256, 256),
        hidden: tuple[int, ...] = (),
        activation: Activation = "relu",
        norm: Norm = "none",
        dropout: Annotated[float, Range(at_least=0, below=1)] = 0.0,
    ) -> None:
        super().__init__()
        if len(channels) != 5:
            raise ValueError(f"channels={list(channels)} must be 5 numbers, one per convolution")
        if min(*channels, *hidden) < 1:
            raise ValueError("channels and hidden must be at least 1 everywhere")
        self.pad, height, width = pad_to_32(spec.height, spec.width)
        rows, columns = _size_of_features(height), _size_of_features(width)
        if rows < 1 or columns < 1:
            raise ValueError(f"needs images of at least 28x28, not {spec.height}x{spec.width}")
        c1, c2, c3, c4, c5 = channels
        self.conv1 = _conv(spec.channels, c1, 11, 4, 5, norm=norm, activation=activation)
        self.norm1 = local_response_norm() if norm == "lrn" else nn.Identity()
        self.conv2 = _conv(c1, c2, 5, 1, 2, norm=norm, activation=activation)
        self.norm2 = local_response_norm() if norm == "lrn" else nn.Identity()
        self.conv3 = _conv(c2, c3, 3, 1, 1, norm=norm, activation=activation)
        self.conv4 = _conv(c3, c4, 3, 1, 1, norm=norm, activation=activation)
        self.conv5 = _conv(c4, c5, 3, 1, 1, norm=norm, activation=activation)
        self.pool = nn.MaxPool2d(2)
        features = c5 * rows * columns
        head: list[nn.Module] = [] if hidden else [nn.Dropout(dropout)]
        for width in hidden:
            head += [nn.Linear(features, width), activation_layer(activation), nn.Dropout(dropout)]
            features = width
        self.hidden = nn.Sequential(*head)
        self.classifier = nn.Linear(features, spec.num_classes)
        init_weights(self, "he", self.classifier)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pad(images)  # (N, C, 32, 32)
        maps = self.pool(self.norm1(self.conv1(maps)))  # (N, 64, 4, 4)
        maps = self.pool(self.norm2(self.conv2(maps)))  # (N, 192, 2, 2)
        maps = self.conv3(maps)  # (N, 384, 2, 2)
        maps = self.conv4(maps)  # (N, 256, 2, 2)
        maps = self.pool(self.conv5(maps))  # (N, 256, 1, 1)
        features = self.hidden(maps.flatten(1))  # (N, 256)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


def _conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int,
    padding: int,
    *,
    norm: Norm,
    activation: Activation,
) -> nn.Sequential:
    """Convolution, batch norm if wanted, activation."""
    batch_norm = [nn.BatchNorm2d(out_channels)] if norm == "batch" else []
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=not batch_norm)
    return nn.Sequential(conv, *batch_norm, activation_layer(activation))


def _size_of_features(size: int) -> int:
    size = output_size(size, 11, stride=4, padding=5)
    for _ in range(3):
        size = output_size(size, 2, stride=2)
    return size
