"""Residual networks for photographs: 18 to 152 layers in four stages."""

from typing import Annotated, Literal

from torch import Tensor, nn

from cnnlab.models.layers import GlobalAvgPool2d, init_weights
from cnnlab.models.residual import BasicBlock, Bottleneck, Shortcut
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec

NUM_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


@MODELS.register(
    "resnet_imagenet",
    paper="He et al. 2016, Deep residual learning for image recognition",
    version=2,
)
class ResNetImageNet(nn.Module):
    """ResNet of table 1: four stages of 64 to 512 channels, then average pooling and one layer.

    ResNet-50 has 3,857,973,248 MACs as v1 and 4,089,184,256 as v1.5 at 224x224; ResNet-18 with the
    small stem has 11,173,962 parameters for CIFAR-10. Initialised as in torchvision: convolutions
    as He et al. 2015 (fan_out), the linear layer as torch does it. (N, C, H, W) -> (N, K)

    Args:
        depth: number of layers with weights. 18 and 34 have blocks of two 3x3 convolutions; 50, 101
            and 152 have bottlenecks, which end in four times the channels.
        version: which convolution of a bottleneck has the stride: v1, as published, the first 1x1;
            v1.5, as in most code since, the 3x3.
        stem: imagenet is a 7x7 convolution and a max pool, each with stride 2; small is one 3x3
            convolution with stride 1, for small images.
        shortcut: how the first block of a stage matches shapes. A pads the new channels with zeros,
            B projects by a 1x1 convolution (paper); none leaves out all shortcuts, which is the
            paper's plain network.
        width: factor on the channels of the bottlenecks' 3x3 convolutions (Zagoruyko & Komodakis
            2016).

    Raises:
        ValueError: a width other than 1 where there are no bottlenecks.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        depth: Literal[18, 34, 50, 101, 152] = 18,
        version: Literal["v1", "v1.5"] = "v1.5",
        stem: Literal["imagenet", "small"] = "imagenet",
        shortcut: Shortcut = "B",
        width: Annotated[int, Range(at_least=1)] = 1,
    ) -> None:
        super().__init__()
        if width > 1 and depth < 50:
            raise ValueError(
                f"width={width} widens bottlenecks, and depth={depth} has none; "
                "depth must be 50, 101 or 152"
            )
        if stem == "imagenet":
            self.conv = nn.Conv2d(spec.channels, 64, 7, 2, padding=3, bias=False)
        else:
            self.conv = nn.Conv2d(spec.channels, 64, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, padding=1) if stem == "imagenet" else nn.Identity()
        out = 1 if depth < 50 else 4  # a block's output channels over those of its stage

        def block(in_channels: int, channels: int, stride: int) -> nn.Module:
            if depth < 50:
                return BasicBlock(in_channels, channels, stride, shortcut)
            sizes = in_channels, width * channels, 4 * channels
            return Bottleneck(*sizes, stride, shortcut, 1 if version == "v1" else 2)

        def stage(in_channels: int, channels: int, num_blocks: int, stride: int) -> nn.Sequential:
            rest = (block(out * channels, channels, 1) for _ in range(num_blocks - 1))
            return nn.Sequential(block(in_channels, channels, stride), *rest)

        n1, n2, n3, n4 = NUM_BLOCKS[depth]
        self.stage1 = stage(64, 64, n1, 1)
        self.stage2 = stage(out * 64, 128, n2, 2)
        self.stage3 = stage(out * 128, 256, n3, 2)
        self.stage4 = stage(out * 256, 512, n4, 2)
        init_weights(self, "he_fan_out")
        self.global_pool = GlobalAvgPool2d()
        self.classifier = nn.Linear(out * 512, spec.num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.norm(self.conv(images)))  # (N, 64, 112, 112)
        maps = self.pool(maps)  # (N, 64, 56, 56)
        maps = self.stage1(maps)  # (N, 64, 56, 56); bottlenecks give 4 times the channels
        maps = self.stage2(maps)  # (N, 128, 28, 28)
        maps = self.stage3(maps)  # (N, 256, 14, 14)
        maps = self.stage4(maps)  # (N, 512, 7, 7)
        features = self.global_pool(maps)  # (N, 512)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)
