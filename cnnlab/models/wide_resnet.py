"""Wide residual networks: fewer layers than a ResNet, and several times its channels."""

from typing import Annotated

from torch import Tensor, nn

from cnnlab.models.layers import GlobalAvgPool2d, init_weights
from cnnlab.models.residual import PreActBlock
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec


@MODELS.register(
    "wide_resnet", paper="Zagoruyko & Komodakis 2016, Wide residual networks", version=2
)
class WideResNet(nn.Module):
    """WRN-depth-width: n pre-activated blocks at each of 16, 32 and 64 times ``width`` channels.

    WRN-16-4 has 2,748,890 parameters at 3 channels and 10 classes, WRN-28-10 has 36,479,194.
    Initialised as in the authors' code: convolutions as He et al. 2015 (fan_out), the linear
    layer's weights as torch does it, its bias 0. (N, C, H, W) -> (N, K)

    Args:
        depth: number of layers with weights, 6n+4; as in the paper, the three projections count.
        width: factor on the channels 16, 32 and 64 of the three stages.
        dropout: probability of dropping each activation between the two convolutions of a block;
            the paper: 0.3.

    Raises:
        ValueError: depth is not 6n+4.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        depth: Annotated[int, Range(at_least=10)] = 16,
        width: Annotated[int, Range(at_least=1)] = 4,
        dropout: Annotated[float, Range(at_least=0, below=1)] = 0.0,
    ) -> None:
        super().__init__()
        num_blocks, remainder = divmod(depth - 4, 6)
        if remainder or num_blocks < 1:
            nearest = 6 * max(1, round((depth - 4) / 6)) + 4
            raise ValueError(f"depth={depth} must be 6n+4 (16, 28, 40); the nearest is {nearest}")
        self.conv = nn.Conv2d(spec.channels, 16, 3, padding=1, bias=False)
        self.stage1 = _stage(16, 16 * width, num_blocks, 1, dropout)
        self.stage2 = _stage(16 * width, 32 * width, num_blocks, 2, dropout)
        self.stage3 = _stage(32 * width, 64 * width, num_blocks, 2, dropout)
        self.norm = nn.BatchNorm2d(64 * width)
        self.relu = nn.ReLU()
        init_weights(self, "he_fan_out")
        self.pool = GlobalAvgPool2d()
        self.classifier = nn.Linear(64 * width, spec.num_classes)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv(images)  # (N, 16, 32, 32)
        maps = self.stage1(maps)  # (N, 64, 32, 32)
        maps = self.stage2(maps)  # (N, 128, 16, 16)
        maps = self.stage3(maps)  # (N, 256, 8, 8)
        maps = self.relu(self.norm(maps))  # (N, 256, 8, 8)
        features = self.pool(maps)  # (N, 256)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)


def _stage(
    in_channels: int, out_channels: int, num_blocks: int, stride: int, dropout: float
) -> nn.Sequential:
    """n blocks; the first one changes the shape."""
    changes = in_channels != out_channels  # not in stage 1 of width 1: there the authors' code
    first = PreActBlock(in_channels, out_channels, stride, first=changes, dropout=dropout)
    rest = (PreActBlock(out_channels, out_channels, dropout=dropout) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *rest)
