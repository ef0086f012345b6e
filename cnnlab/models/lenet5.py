"""LeNet-5 as it is usually coded today: full connections to C3, plain pooling, a linear output."""

from torch import Tensor, nn

from cnnlab.models.layers import (
    Activation,
    Pool,
    activation_layer,
    init_weights,
    output_size,
    pad_to_32,
    pool2d,
)
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec


@MODELS.register(
    "lenet5", paper="LeCun et al. 1998, Gradient-based learning applied to document recognition"
)
class LeNet5(nn.Module):
    """Conv 6, pool, conv 16, pool, then 120, 84 and K units; layers named as in figure 2.

    61,706 parameters and 416,520 MACs at 32x32x1 with 10 classes; 28x28 images are padded by 2.
    Initialised as LeCun et al. 1998, Efficient backprop. (N, C, H, W) -> (N, K); C5 has a weight
    for each of the H' x W' positions of S4.

    Args:
        activation: function after every convolution and hidden layer; the paper: scaled_tanh. relu
            trains faster.
        pool: the kind of 2x2 pooling; the paper: avg, there with a trained coefficient and bias
            per map, which `lenet5_1998` has.

    Differs: the paper's C3 sees some of S2's maps, its pooling is trained, its units are scaled
    tanh, and its output is the distance to ten codes; all of that is in `lenet5_1998`.

    Raises:
        ValueError: images with a side of less than 16 pixels.
    """

    def __init__(
        self, spec: ImageSpec, *, activation: Activation = "relu", pool: Pool = "max"
    ) -> None:
        super().__init__()
        self.pad, height, width = pad_to_32(spec.height, spec.width)
        rows, columns = _size_of_s4(height), _size_of_s4(width)
        if rows < 1 or columns < 1:
            raise ValueError(f"needs images of at least 16x16, not {spec.height}x{spec.width}")
        self.c1 = nn.Conv2d(spec.channels, 6, 5)
        self.s2 = pool2d(pool, 2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.s4 = pool2d(pool, 2)
        self.c5 = nn.Linear(16 * rows * columns, 120)
        self.f6 = nn.Linear(120, 84)
        self.classifier = nn.Linear(84, spec.num_classes)
        self.activation = activation_layer(activation)
        init_weights(self, "lecun")

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pad(images)  # (N, C, 32, 32)
        maps = self.s2(self.activation(self.c1(maps)))  # (N, 6, 14, 14)
        maps = self.s4(self.activation(self.c3(maps)))  # (N, 16, 5, 5)
        features = self.activation(self.c5(maps.flatten(1)))  # (N, 120)
        features = self.activation(self.f6(features))  # (N, 84)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


def _size_of_s4(size: int) -> int:
    for _ in range(2):
        size = output_size(output_size(size, 5), 2, stride=2)
    return size
