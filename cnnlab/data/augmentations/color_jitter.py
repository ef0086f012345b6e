"""Random brightness, contrast, saturation and hue."""

from typing import Annotated

import torch
from torch import Tensor

from cnnlab.data.augmentations import operations
from cnnlab.data.augmentations.hue import hue as turn_hue
from cnnlab.data.augmentations.operations import Operation, apply_chosen, refuse_other_channels
from cnnlab.registry import AUGMENTATIONS, Range
from cnnlab.spec import ImageSpec

Spread = Annotated[float, Range(at_least=0, at_most=10)]


@AUGMENTATIONS.register(
    "color_jitter", paper="Howard 2013, Some improvements on deep convolutional neural networks"
)
class ColorJitter:
    """Changes brightness, contrast, saturation and hue of each image at random, in random order.

    As torchvision's ColorJitter. Grey images have neither saturation nor hue, which change nothing.

    Args:
        brightness: largest change of the factor on all pixels; 0.4 means factors from 0.6 to 1.4.
        contrast: largest change of the factor on the distance to the image's mean grey.
        saturation: largest change of the factor on the distance to the image in grey.
        hue: largest shift of the hue, as a fraction of the full circle.

    Raises:
        ValueError: images of other than 1 or 3 channels.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        brightness: Spread = 0.4,
        contrast: Spread = 0.4,
        saturation: Spread = 0.4,
        hue: Annotated[float, Range(at_least=0, at_most=0.5)] = 0.1,
    ) -> None:
        refuse_other_channels(spec)
        factors: dict[Operation, float] = {
            operations.brightness: brightness,
            operations.contrast: contrast,
            operations.saturation: saturation,
        }
        ranges: dict[Operation, tuple[float, float]] = {
            op: (max(0.0, 1 - by), 1 + by) for op, by in factors.items() if by
        }
        if hue:
            ranges[turn_hue] = (-hue, hue)
        self.operations = list(ranges)
        self.low, self.high = torch.tensor(list(ranges.values())).double().view(len(ranges), 2).T

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 (N, C, H, W) -> the same."""
        drawn = torch.rand(len(pixels), len(self.operations), dtype=torch.float64)
        strength = torch.lerp(self.low, self.high, drawn)
        order = torch.rand(len(pixels), len(self.operations)).argsort(1)
        for chosen in order.T:
            by = strength.gather(1, chosen.unsqueeze(1)).squeeze(1)
            pixels = apply_chosen(pixels, self.operations, chosen, by)
        return pixels
