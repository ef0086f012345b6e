"""AlexNet for small images; conf/model has the variants of the paper, a lecture and torchvision."""

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
from cnnlab.registry import MODELS, Flags, Range
from cnnlab.spec import ImageSpec

Norm = Literal["none", "lrn", "lrn_after_pool", "batch"]


@MODELS.register(
    "alexnet",
    paper="Krizhevsky et al. 2012, ImageNet classification with deep convolutional networks",
)
class AlexNet(nn.Module):
    """Conv 11x11/4, pool, conv 5x5, pool, three convs 3x3, pool, then fully connected layers.

    The defaults are the network usual for CIFAR: padding 5 in the first convolution and 2x2 pools
    leave 32x32 images a feature map at the end, and the classifier is one linear layer (2,472,266
    parameters at 32x32x3 with 10 classes). 28x28 images are padded by 2. The variants
    ``alexnet_2012``, ``alexnet_ungrouped`` and ``alexnet_torchvision`` take 224 or 227 pixels.

    Args:
        channels: output channels of the five convolutions; the paper: 96, 256, 384, 384, 256.
        hidden: units of each fully connected layer before the last; the paper: 4096, 4096.
        padding: pixels of zeros on each side of the image, in the first convolution.
        pool: side of the pooling windows, in pixels, with stride 2; 3 makes them overlap (paper).
        groups: groups of conv2, conv4 and conv5; 2 for the two GPUs of the paper.
        activation: function after every convolution and hidden layer.
        norm: lrn is local response normalisation before the first two pools (paper),
            lrn_after_pool after them; batch is batch norm in all five convolutions.
        dropout: probability of dropping each hidden unit, or each feature if there is no hidden
            layer; the paper: 0.5.
        dropout_place: after drops the outputs of each hidden layer (paper), before its inputs,
            which for the first one are the features (torchvision).
        init: he is He et al. 2015, with a tenth of the variance in the last layer. paper draws
            N(0, 0.01), with biases 1 in conv2, conv4, conv5 and the hidden layers, else 0; the loss
            then falls only after many epochs. torch draws weights and biases by torch's default,
            U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)) (torchvision).

    (N, C, H, W) -> (N, K)

    Differs: by default the channels are torchvision's, and initialisation and head are usual for
    small images; ``alexnet_2012`` is the paper's.

    Raises:
        ValueError: not five channel numbers, a width below 1 or not divisible by ``groups``,
            images too small for the strides and pools.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        channels: tuple[int, ...] = (64, 192, 384, 256, 256),
        hidden: tuple[int, ...] = (),
        padding: Annotated[int, Range(at_least=0, at_most=5)] = 5,
        pool: Annotated[int, Range(at_least=2, at_most=3)] = 2,
        groups: Annotated[int, Range(at_least=1)] = 1,
        activation: Activation = "relu",
        norm: Norm = "none",
        dropout: Annotated[float, Range(at_least=0, below=1)] = 0.0,
        dropout_place: Annotated[Literal["after", "before"], Flags(neutral="after")] = "after",
        init: Literal["he", "paper", "torch"] = "he",
    ) -> None:
        super().__init__()
        _check_widths(channels, hidden, groups)
        self.pad, height, width = pad_to_32(spec.height, spec.width)
        rows, columns = (_side_of_features(side, padding, pool) for side in (height, width))
        if rows < 1 or columns < 1:
            raise ValueError(_too_small(spec, padding, pool))
        c1, c2, c3, c4, c5 = channels
        self.conv1 = _conv(spec.channels, c1, 11, 4, padding, norm, activation)
        self.pool1 = _pool(pool, norm)
        self.conv2 = _conv(c1, c2, 5, 1, 2, norm, activation, groups)
        self.pool2 = _pool(pool, norm)
        self.conv3 = _conv(c2, c3, 3, 1, 1, norm, activation)
        self.conv4 = _conv(c3, c4, 3, 1, 1, norm, activation, groups)
        self.conv5 = _conv(c4, c5, 3, 1, 1, norm, activation, groups)
        self.pool5 = nn.MaxPool2d(pool, stride=2)
        features = c5 * rows * columns
        head: list[nn.Module] = [] if hidden else [nn.Dropout(dropout)]
        for width in hidden:
            head += [nn.Linear(features, width), activation_layer(activation), nn.Dropout(dropout)]
            features = width
        before = bool(hidden) and dropout_place == "before"
        self.dropout = head.pop() if before else nn.Identity()  # of the features
        self.hidden = nn.Sequential(*head)
        self.classifier = nn.Linear(features, spec.num_classes)
        if init == "paper":
            self._init_as_published()
        elif init == "he":
            init_weights(self, "he", self.classifier)

    def forward(self, images: Tensor) -> Tensor:
        # Shapes of alexnet_2012 at 227x227.
        maps = self.pad(images)  # (N, 3, 227, 227)
        maps = self.pool1(self.conv1(maps))  # (N, 96, 55, 55), (N, 96, 27, 27)
        maps = self.pool2(self.conv2(maps))  # (N, 256, 27, 27), (N, 256, 13, 13)
        maps = self.conv3(maps)  # (N, 384, 13, 13)
        maps = self.conv4(maps)  # (N, 384, 13, 13)
        maps = self.pool5(self.conv5(maps))  # (N, 256, 13, 13), (N, 256, 6, 6)
        features = self.dropout(maps.flatten(1))  # (N, 9216)
        features = self.hidden(features)  # (N, 4096), (N, 4096)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)

    def _init_as_published(self) -> None:
        ones = (*self.conv2, *self.conv4, *self.conv5, *self.hidden)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and not layer.weight.is_meta:
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, float(any(layer is one for one in ones)))


def _conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int,
    padding: int,
    norm: Norm,
    activation: Activation,
    groups: int = 1,
) -> nn.Sequential:
    """Convolution, batch norm if ``norm`` is batch, activation."""
    batch_norm = [nn.BatchNorm2d(out_channels)] if norm == "batch" else []
    conv = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        groups=groups,
        bias=not batch_norm,
    )
    return nn.Sequential(conv, *batch_norm, activation_layer(activation))


def _pool(size: int, norm: Norm) -> nn.Sequential:
    """Max pooling, with local response normalisation before or after it, or without."""
    layers = nn.Sequential()
    if norm == "lrn":
        layers.add_module("norm", local_response_norm())
    layers.add_module("max", nn.MaxPool2d(size, stride=2))
    if norm == "lrn_after_pool":
        layers.add_module("norm", local_response_norm())
    return layers


def _side_of_features(side: int, padding: int, pool: int) -> int:
    side = output_size(side, 11, stride=4, padding=padding)
    for _ in range(3):
        side = output_size(side, pool, stride=2)
    return side


def _too_small(spec: ImageSpec, padding: int, pool: int) -> str:
    least = 28
    while _side_of_features(pad_to_32(least, least)[1], padding, pool) < 1:
        least += 1
    message = f"needs images of at least {least}x{least}, not {spec.height}x{spec.width}"
    if least == 28:
        return message
    return f"{message}, with padding={padding} and pool={pool}; padding=5 pool=2 takes 28x28 and up"


def _check_widths(channels: tuple[int, ...], hidden: tuple[int, ...], groups: int) -> None:
    if len(channels) != 5:
        raise ValueError(f"channels={list(channels)} must be 5 numbers, one per convolution")
    if min(*channels, *hidden) < 1:
        raise ValueError("channels and hidden must be at least 1 everywhere")
    if any(width % groups for width in channels):
        raise ValueError(f"groups={groups} must divide channels={list(channels)}")
