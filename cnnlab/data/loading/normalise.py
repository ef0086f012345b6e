"""From pixels to normalised inputs of networks."""

import torch
from torch import Tensor

from cnnlab.data.loading.buffers import Buffers
from cnnlab.spec import ImageSpec

CACHED = 1 << 18  # values that stay in a core's cache from one pass to the next


class Normalise:
    """(pixel / 255 - mean) / std per channel: uint8 (N, C, H, W) -> float32 (N, C, H, W).

    Args:
        buffers: where the results' memory comes from, on a CPU; None: it is new.
    """

    def __init__(
        self,
        spec: ImageSpec,
        device: torch.device | str = "cpu",
        buffers: Buffers | None = None,
    ) -> None:
        self.buffers = buffers
        mean, std = (
            torch.tensor(values, device=device).view(1, -1, 1, 1) for values in spec.normalisation()
        )
        self.scale = 1 / (255 * std)
        self.shift = -mean / std

    def __call__(self, pixels: Tensor) -> Tensor:
        # One conversion and two passes in place; addcmul, one pass, is slower on a CPU.
        if self.buffers is None:
            return pixels.to(torch.float32).mul_(self.scale).add_(self.shift)
        inputs = self.buffers.acquire(tuple(pixels.shape), torch.float32)
        few = max(1, CACHED // pixels[0].numel())
        for first in range(0, len(pixels), few):
            part = inputs[first : first + few].copy_(pixels[first : first + few])
            part.mul_(self.scale).add_(self.shift)
        return inputs
