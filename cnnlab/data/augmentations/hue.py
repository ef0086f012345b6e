"""The hue of red, green and blue, turned by an angle."""

import torch
from torch import Tensor

from cnnlab.data.augmentations.operations import per_image

ALMOST_256 = 255 + 1 - 1e-3  # by which torchvision makes 0..1 whole numbers


def hue(pixels: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue; a grey image stays.

    Args:
        pixels: uint8 (N, 1 or 3, H, W).
        turns: float64 (N,) on the CPU, -0.5 to 0.5 of the whole circle.
    """
    if pixels.shape[1] == 1:
        return pixels
    colors = pixels.float() / 255
    value, lowest = colors.amax(1, keepdim=True), colors.amin(1, keepdim=True)
    turned = _hue(colors, value, value - lowest) + per_image(turns, pixels)
    # In HSV a channel is value - chroma * max(0, min(k, 4 - k, 1)), k = (n + 6 hue) mod 6.
    offsets = torch.tensor([5.0, 3.0, 1.0], device=pixels.device).view(1, 3, 1, 1)
    k = (offsets + 6 * turned).remainder(6)
    lacking = torch.minimum(k, 4 - k).clamp(0, 1)
    return ((value - (value - lowest) * lacking) * ALMOST_256).to(torch.uint8)


def _hue(colors: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """(N, 1, H, W), in turns of the circle; 0 of a grey pixel."""
    red, green, blue = colors.chunk(3, dim=1)
    span = chroma.masked_fill(chroma == 0, 1)
    sixths = torch.where(
        value == red,
        (green - blue) / span,
        torch.where(value == green, 2 + (blue - red) / span, 4 + (red - green) / span),
    )
    return (sixths / 6).remainder(1)
