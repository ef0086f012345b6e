"""Geometric operations: shear, translation and rotation of each image by its own strength.

The nearest pixel is taken, as in torchvision; what comes from outside the image is black.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.augmentations.operations import on_device


def shear_x(pixels: Tensor, slope: Tensor) -> Tensor:
    """Move rows to the left by ``slope`` pixels for each row below the uppermost edge."""
    return _warp(pixels, slope, (1, "s", "sh", 0, 1, 0))


def shear_y(pixels: Tensor, slope: Tensor) -> Tensor:
    """Move columns up by ``slope`` pixels for each column from the left edge."""
    return _warp(pixels, slope, (1, 0, 0, "s", 1, "sw"))


def translate_x(pixels: Tensor, distance: Tensor) -> Tensor:
    """Move the images right by whole pixels; decimals are dropped."""
    return _warp(pixels, -distance.trunc(), (1, 0, "s", 0, 1, 0))


def translate_y(pixels: Tensor, distance: Tensor) -> Tensor:
    """Move the images down by whole pixels; decimals are dropped."""
    return _warp(pixels, -distance.trunc(), (1, 0, 0, 0, 1, "s"))


def rotate(pixels: Tensor, degrees: Tensor) -> Tensor:
    """Turn the images counter-clockwise about their centre."""
    return _warp(pixels, degrees.deg2rad(), ("cos", "-sin", 0, "sin", "cos", 0))


def _warp(pixels: Tensor, strength: Tensor, matrix: tuple[int | str, ...]) -> Tensor:
    """Take each pixel from where ``matrix`` sends its place.

    Args:
        matrix: two rows of three, from (x, y, 1) in pixels from the centre to a place in the
            source; its words are functions of the strength and of half the height and width.
    """
    count, _, height, width = pixels.shape
    words = {
        "s": strength,
        "sh": strength * height / 2,
        "sw": strength * width / 2,
        "cos": strength.cos(),
        "sin": strength.sin(),
        "-sin": -strength.sin(),
    }
    columns = [
        words[entry] if isinstance(entry, str) else torch.full_like(strength, entry)
        for entry in matrix
    ]
    theta = on_device(torch.stack(columns, 1).float(), pixels).view(count, 2, 3)
    x = _centres(width, pixels.device).expand(height, width)
    y = _centres(height, pixels.device).unsqueeze(1).expand(height, width)
    places = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3).expand(count, -1, -1)
    halves = torch.stack([x.new_full((), width / 2), x.new_full((), height / 2)])
    grid = places.bmm(theta.transpose(1, 2) / halves).view(count, height, width, 2)
    warped = F.grid_sample(pixels.float(), grid, mode="nearest", align_corners=False)
    return warped.round_().to(torch.uint8)


def _centres(length: int, device: torch.device) -> Tensor:
    """Of each pixel, from the middle of the image."""
    return torch.arange(length, device=device, dtype=torch.float32) - (length - 1) / 2
