"""LeNet-5 as published in 1998: partial connections, trained subsampling, an RBF output."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.models.layers import ScaledTanh, pad_to_32
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

# Table I: the maps of S2 that are inputs of each of C3's first six maps, and of its next nine.
# The last map of C3 takes all six.
_THREE = [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)]
_FOUR = [(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)]
_FOUR += [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]

# The digits as pictures of 12 rows and 7 columns, like figure 3's but drawn for this file.
_DIGITS = """
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
..###.. ...#... .#####. ####### .....#. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# .....#. ....##. #...... .#..... #.....# #.....# #.....#
#.....# .#.#... ......# ....#.. ...#.#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ...#... ..#..#. #.####. #...... .....#. #.....# #.....#
#.....# ...#... .....#. ..####. .#...#. ##....# #.####. .....#. .#####. #....##
#.....# ...#... ....#.. ......# #....#. ......# ##....# ....#.. #.....# .####.#
#.....# ...#... ...#... ......# ####### ......# #.....# ....#.. #.....# ......#
#.....# ...#... ..#.... ......# .....#. ......# #.....# ...#... #.....# ......#
.#...#. ...#... .#..... #.....# .....#. #.....# #.....# ...#... #.....# .....#.
..###.. .#####. ####### .#####. .....#. .#####. .#####. ...#... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""


@MODELS.register(
    "lenet5_1998",
    paper="LeCun et al. 1998, Gradient-based learning applied to document recognition",
    sgd_lr=0.005,
)
class LeNet51998(nn.Module):
    """C1, S2, C3, S4, C5, F6 and the RBF layer of section II-B, for ten digits on 32x32x1.

    60,000 trained parameters (156 + 12 + 1,516 + 32 + 48,120 + 10,164); 340,908 connections, of
    which the output's 840 are fixed. Every layer up to F6 ends in a scaled tanh. 28x28 images are
    padded by 2. Weights are drawn from U(-2.4 / F, 2.4 / F), F the number of inputs of a unit
    (appendix A), biases are 0.

    The logits are minus the squared distances to the ten codes, so that the nearest one wins.
    Cross-entropy on them is the paper's criterion (9) without its constant rubbish class.
    (N, 1, 32, 32) -> (N, 10)

    Differs: the pictures of the digits, which are the codes, are not the ones printed; the
    criterion has no rubbish class.

    Raises:
        ValueError: images that are not 28 to 32 pixels a side in one channel, or not 10 classes.
    """

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.pad, *size = pad_to_32(spec.height, spec.width)
        if size != [32, 32] or spec.channels != 1:
            raise ValueError(f"needs images of 28x28x1 to 32x32x1, not {spec}")
        if spec.num_classes != 10:
            raise ValueError(f"has codes for 10 classes, the digits, not for {spec.num_classes}")
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = PartialConv2d()
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.rbf = DigitCodes()
        self.activation = ScaledTanh()
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and not layer.weight.is_meta:
                bound = 2.4 / layer.weight[0].numel()
                nn.init.uniform_(layer.weight, -bound, bound)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # every layer here has one

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pad(images)  # (N, 1, 32, 32)
        maps = self.activation(self.c1(maps))  # (N, 6, 28, 28)
        maps = self.activation(self.s2(maps))  # (N, 6, 14, 14)
        maps = self.activation(self.c3(maps))  # (N, 16, 10, 10)
        maps = self.activation(self.s4(maps))  # (N, 16, 5, 5)
        maps = self.activation(self.c5(maps))  # (N, 120, 1, 1)
        features = self.activation(self.f6(maps.flatten(1)))  # (N, 84)
        return self.rbf(features)  # type: ignore[no-any-return]  # (N, 10)


class Subsampling(nn.Module):
    """Coefficient times the sum of each 2x2 window, plus bias; one of both per map.

    (N, C, H, W) -> (N, C, H / 2, W / 2)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        bound = 2.4 / 4
        self.coefficient = nn.Parameter(torch.empty(channels, 1, 1).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        sums = 4 * F.avg_pool2d(
            maps, 2
        )  # exactly: 4 is a power of two; ONNX knows no other divisor
        return self.coefficient * sums + self.bias


class PartialConv2d(nn.Module):
    """C3's 5x5 kernels on three, four or all six maps of S2: table I. 1,516 parameters.

    (N, 6, H, W) -> (N, 16, H - 4, W - 4)
    """

    three: Tensor
    four: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("three", torch.tensor(_THREE).flatten())
        self.register_buffer("four", torch.tensor(_FOUR).flatten())
        self.on_three = nn.Conv2d(18, 6, 5, groups=6)
        self.on_four = nn.Conv2d(36, 9, 5, groups=9)
        self.on_six = nn.Conv2d(6, 1, 5)

    def forward(self, maps: Tensor) -> Tensor:
        parts = (
            self.on_three(maps[:, self.three]),  # (N, 18, 14, 14) -> (N, 6, 10, 10)
            self.on_four(maps[:, self.four]),  # (N, 36, 14, 14) -> (N, 9, 10, 10)
            self.on_six(maps),  # (N, 6, 14, 14) -> (N, 1, 10, 10)
        )
        return torch.cat(parts, dim=1)


class DigitCodes(nn.Module):
    """Minus the squared distance to each digit's picture, whose pixels are 1 for ink, else -1.

    (N, 84) -> (N, 10)
    """

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        lines = [line.split() for line in _DIGITS.split("\n") if line]
        pictures = ["".join(rows) for rows in zip(*lines, strict=True)]
        ink = [[1.0 if mark == "#" else -1.0 for mark in picture] for picture in pictures]
        self.register_buffer("codes", torch.tensor(ink))  # (10, 84)

    def forward(self, features: Tensor) -> Tensor:
        return -(features.unsqueeze(1) - self.codes).square().sum(2)
