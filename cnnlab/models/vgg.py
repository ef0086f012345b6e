"""VGG: 3x3 convolutions and 2x2 pools, up to 19 layers deep."""

from typing import Annotated, Literal

from torch import Tensor, nn

from cnnlab.models.layers import init_weights, pad_to_32
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec

# Table 1 of the paper: convolutions before each of the five pools.
_CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


@MODELS.register(
    "vgg",
    paper="Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale recognition",
    version=2,
)
class VGG(nn.Module):
    """Five stages of 3x3 convolutions, each ended by a 2x2 pool, then fully connected layers.

    VGG-16 has 138,357,544 parameters at 224x224x3 with 1000 classes; with batch norm and one
    linear layer at its end, 14,728,266 at 32x32x3 with 10.

    Args:
        depth: number of layers with weights, counting two hidden fully connected ones.
        batch_norm: batch norm after each convolution; not in the paper.
        hidden: units of each fully connected layer before the last. null is 4096, 4096 (paper) for
            images of at least 224 pixels, and no hidden layer for smaller ones.
        dropout: probability of dropping each hidden unit while training.

    Initialised as in torchvision: convolutions as He et al. 2015 (fan_out), linear layers from
    N(0, 0.01), biases 0. (N, C, H, W) -> (N, K); 28x28 images are padded to 32x32.

    Differs: the paper draws all layers of VGG-11 from N(0, 0.01), and starts the deeper networks
    from its trained layers; it always has hidden layers, as its images are of 224x224.

    Raises:
        ValueError: images with a side of less than 28 pixels, a hidden layer of less than one unit.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        depth: Literal[11, 13, 16, 19] = 16,
        batch_norm: bool = False,
        hidden: tuple[int, ...] | None = None,
        dropout: Annotated[float, Range(at_least=0, below=1)] = 0.5,
    ) -> None:
        super().__init__()
        if depth not in _CONVS:
            nearest = min(_CONVS, key=lambda known: abs(known - depth))
            raise ValueError(f"depth={depth} must be 11, 13, 16 or 19; the nearest is {nearest}")
        self.pad, height, width = pad_to_32(spec.height, spec.width)
        if min(height, width) < 32:
            raise ValueError(f"needs images of at least 28x28, not {spec.height}x{spec.width}")
        if hidden is None:
            hidden = (4096, 4096) if min(height, width) >= 224 else ()
        if min(hidden, default=1) < 1:
            raise ValueError(f"hidden={list(hidden)}: every layer needs at least 1 unit")
        n1, n2, n3, n4, n5 = _CONVS[depth]
        self.stage1 = _stage(spec.channels, 64, n1, batch_norm)
        self.stage2 = _stage(64, 128, n2, batch_norm)
        self.stage3 = _stage(128, 256, n3, batch_norm)
        self.stage4 = _stage(256, 512, n4, batch_norm)
        self.stage5 = _stage(512, 512, n5, batch_norm)
        init_weights(self, "he_fan_out")
        features = 512 * (height // 32) * (width // 32)
        head: list[nn.Module] = []
        for units in hidden:
            head += [nn.Linear(features, units), nn.ReLU(), nn.Dropout(dropout)]
            features = units
        self.hidden = nn.Sequential(*head)
        self.classifier = nn.Linear(features, spec.num_classes)
        for layer in (*self.hidden, self.classifier):
            if isinstance(layer, nn.Linear) and not layer.weight.is_meta:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        # Shapes at 224x224.
        maps = self.pad(images)  # (N, 3, 224, 224)
        maps = self.stage1(maps)  # (N, 64, 112, 112)
        maps = self.stage2(maps)  # (N, 128, 56, 56)
        maps = self.stage3(maps)  # (N, 256, 28, 28)
        maps = self.stage4(maps)  # (N, 512, 14, 14)
        maps = self.stage5(maps)  # (N, 512, 7, 7)
        features = self.hidden(maps.flatten(1))  # (N, 25088), (N, 4096), (N, 4096)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


def _stage(in_channels: int, out_channels: int, num_convs: int, batch_norm: bool) -> nn.Sequential:
    """Convolutions at one size, and the pool that halves it."""
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU())
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(2))
