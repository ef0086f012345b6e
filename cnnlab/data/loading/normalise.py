"""From pixels to normalised inputs of networks."""

import torch
from torch import Tensor

from cnnlab.spec import ImageSpec


class Normalise:
    """(pixel / 255 - mean) / std per channel: uint8 (N, C, H, W) -> float32 (N, C, H, W).

    The result has ``memory_format``, which the conversion to floats gives it on its way.
    """

    def __init__(
        self,
        spec: ImageSpec,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.preserve_format,
    ) -> None:
        self.memory_format = memory_format
        mean, std = (
            torch.tensor(values, device=device).view(1, -1, 1, 1) for values in spec.normalisation()
        )
        self.scale = 1 / (255 * std)
        self.shift = -mean / std

    def __call__(self, pixels: Tensor) -> Tensor:
        # One conversion and two passes in place; addcmul, one pass, is slower on a CPU.
        inputs = pixels.to(torch.float32, memory_format=self.memory_format)
        return inputs.mul_(self.scale).add_(self.shift)
