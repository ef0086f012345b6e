"""RandAugment and TrivialAugment: random operations at random for each image of a batch."""

from typing import Annotated

import torch
from torch import Tensor

from cnnlab.data.augmentations import operations, warp
from cnnlab.data.augmentations.operations import (
    Operation,
    apply_chosen,
    refuse_other_channels,
)
from cnnlab.registry import AUGMENTATIONS, Range
from cnnlab.spec import ImageSpec

MAX_MAGNITUDE = 30
MAGNITUDES = torch.arange(MAX_MAGNITUDE + 1, dtype=torch.float64) / MAX_MAGNITUDE  # 0..1
OPERATIONS: dict[str, Operation] = {
    "identity": operations.identity,
    "shear_x": warp.shear_x,
    "shear_y": warp.shear_y,
    "translate_x": warp.translate_x,
    "translate_y": warp.translate_y,
    "rotate": warp.rotate,
    "brightness": operations.brightness,
    "color": operations.saturation,
    "contrast": operations.contrast,
    "sharpness": operations.sharpness,
    "posterize": operations.posterize,
    "solarize": operations.solarize,
    "autocontrast": operations.autocontrast,
    "equalize": operations.equalize,
}
SIGNED = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDED = ("brightness", "color", "contrast", "sharpness")  # by 1 plus or minus a strength


class RandomOperations:
    """Draws an operation for each image, and applies it by a strength from a table.

    Args:
        largest: the strength of each operation at the highest magnitude.
        bits: that posterize takes away at the highest magnitude.
    """

    def __init__(self, spec: ImageSpec, largest: dict[str, float], bits: int) -> None:
        refuse_other_channels(spec)
        rows = {name: size * MAGNITUDES for name, size in largest.items()}
        rows["posterize"] = 8 - (bits * MAGNITUDES).float().round().double()
        rows["solarize"] = 255 * (1 - MAGNITUDES)
        unused = torch.zeros_like(MAGNITUDES)
        self.table = torch.stack([rows.get(name, unused) for name in OPERATIONS])
        self.is_signed = torch.tensor([name in (*SIGNED, *BLENDED) for name in OPERATIONS])
        self.offset = torch.tensor([float(name in BLENDED) for name in OPERATIONS]).double()

    def apply(self, pixels: Tensor, magnitude: Tensor) -> Tensor:
        """One operation on each image of uint8 (N, C, H, W), of magnitudes int64 (N,), 0..30."""
        chosen = torch.randint(len(OPERATIONS), (len(pixels),))
        return self.apply_drawn(pixels, chosen, magnitude, torch.rand(len(pixels)) < 0.5)

    def apply_drawn(
        self, pixels: Tensor, chosen: Tensor, magnitude: Tensor, is_negative: Tensor
    ) -> Tensor:
        """The same with everything drawn: the operations int64 (N,), the signs bool (N,)."""
        sign = torch.where(self.is_signed[chosen] & is_negative, -1, 1)
        strength = self.offset[chosen] + sign * self.table[chosen, magnitude]
        return apply_chosen(pixels, list(OPERATIONS.values()), chosen, strength)


@AUGMENTATIONS.register(
    "randaugment", paper="Cubuk et al. 2020, RandAugment: practical automated data augmentation"
)
class RandAugment(RandomOperations):
    """Several random operations on each image, all of the same magnitude.

    The operations and their strengths are torchvision's: 14 of colour and geometry.

    Args:
        num_ops: number of operations applied to each image.
        magnitude: strength of every operation.

    Raises:
        ValueError: images of other than 1 or 3 channels.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        num_ops: Annotated[int, Range(at_least=1, at_most=20)] = 2,
        magnitude: Annotated[int, Range(at_least=0, at_most=MAX_MAGNITUDE)] = 9,
    ) -> None:
        largest = dict.fromkeys(("shear_x", "shear_y"), 0.3) | dict.fromkeys(BLENDED, 0.9)
        # of ImageNet's 331 pixels 150
        moved = {"translate_x": 150 / 331 * spec.width, "translate_y": 150 / 331 * spec.height}
        super().__init__(spec, {**largest, **moved, "rotate": 30.0}, bits=4)
        self.num_ops, self.magnitude = num_ops, magnitude

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 (N, C, H, W) -> the same."""
        magnitude = torch.full((len(pixels),), self.magnitude)
        for _ in range(self.num_ops):
            pixels = self.apply(pixels, magnitude)
        return pixels


@AUGMENTATIONS.register(
    "trivialaugment",
    paper="Müller & Hutter 2021, TrivialAugment: tuning-free yet state-of-the-art augmentation",
)
class TrivialAugment(RandomOperations):
    """One random operation on each image, with a random magnitude from the paper's wide ranges.

    The operations and their strengths are those of torchvision's TrivialAugmentWide.

    Raises:
        ValueError: images of other than 1 or 3 channels.
    """

    def __init__(self, spec: ImageSpec) -> None:
        largest = dict.fromkeys(("shear_x", "shear_y", *BLENDED), 0.99)
        moved = dict.fromkeys(("translate_x", "translate_y"), 32.0)
        super().__init__(spec, {**largest, **moved, "rotate": 135.0}, bits=6)

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 (N, C, H, W) -> the same."""
        return self.apply(pixels, torch.randint(len(MAGNITUDES), (len(pixels),)))
