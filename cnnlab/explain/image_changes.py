"""Changes of whole batches of images that leave their class the same: five kinds, of any size."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # right, left, down, up, as (rows, columns)
SIDE = 28  # pixels of an MNIST image, for which the sizes in pixels are meant


@dataclass(frozen=True)
class Change:
    """A kind of change.

    Attributes:
        name: as typed.
        noun: in titles.
        axis: what its size is, with unit.
        unchanged: the size that leaves images as they are.
        sizes: the usual sizes for images of a side in pixels, from the least on.
        variants: the number of ways to make a change of that size, such as directions. Accuracy is
            averaged over them.
        apply: makes new images of (images, size, variant, background, generator): float32
            (N, C, H, W) in 0..1, the size, 0..variants-1, float32 (C,) as of `background`, and a
            generator on the CPU for what is random.
    """

    name: str
    noun: str
    axis: str
    unchanged: float
    sizes: Callable[[int], list[float]]
    variants: Callable[[float], int]
    apply: Callable[[Tensor, float, int, Tensor, torch.Generator], Tensor]


def background(pixels: Tensor) -> Tensor:
    """The colour around what images show, in 0..1, for places that a change uncovers.  -> (C,)

    In each channel the most frequent value along the four edges of all images, where more than
    half of the edge has it; else black.

    Args:
        pixels: uint8 (N, C, H, W).
    """
    rows = torch.cat([pixels[:, :, 0], pixels[:, :, -1]], -1)
    columns = torch.cat([pixels[..., 0], pixels[..., -1]], -1)
    found = []
    for channel in torch.cat([rows, columns], -1).transpose(0, 1).flatten(1):
        counts = torch.bincount(channel.long(), minlength=256)
        value = int(counts.argmax())
        found.append(value / 255 if counts[value] * 2 > len(channel) else 0.0)
    return torch.tensor(found)


def translate(images: Tensor, rows: int, columns: int, fill: Tensor) -> Tensor:
    """Move images by whole pixels, down and to the right where positive.

    Args:
        images: (N, C, H, W).
        fill: (C,), the colour of the places that are uncovered.
    """
    height, width = images.shape[2:]
    moved = fill.view(1, -1, 1, 1).expand_as(images).clone()
    if abs(rows) < height and abs(columns) < width:
        target = images[
            :,
            :,
            max(-rows, 0) : height - max(rows, 0),
            max(-columns, 0) : width - max(columns, 0),
        ]
        top, left = max(rows, 0), max(columns, 0)
        moved[:, :, top : top + target.shape[2], left : left + target.shape[3]] = target
    return moved


def scale(images: Tensor, factor: float, fill: Tensor) -> Tensor:
    """Magnify (``factor`` above 1) or shrink images (N, C, H, W) about their centre."""
    return _warp(images, [[1 / factor, 0.0, 0.0], [0.0, 1 / factor, 0.0]], fill)


def rotate(images: Tensor, degrees: float, fill: Tensor) -> Tensor:
    """Rotate images (N, C, H, W) about their centre, counter-clockwise where positive."""
    height, width = images.shape[2:]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _warp(
        images, [[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0]], fill
    )


def thicken(images: Tensor, change: int, fill: Tensor, *, towards_end: bool = False) -> Tensor:
    """Make strokes thicker by a number of pixels, or thinner where it is negative.

    Grey dilation and erosion: each pixel becomes the brightest, or darkest, of a square with a side
    of ``1 + abs(change)`` pixels. On a bright background strokes are dark, and it is the reverse.

    Args:
        images: (N, C, H, W).
        towards_end: an even square cannot be centred: it reaches further to the right and down.
    """
    if change == 0:
        return images.clone()
    side = 1 + abs(change)
    short, long = (side - 1) // 2, side // 2
    before, after = (short, long) if towards_end else (long, short)
    strokes = images - fill.view(1, -1, 1, 1)
    sign = 1 if (change > 0) == (float(fill.mean()) <= 0.5) else -1
    padded = F.pad(sign * strokes, (before, after, before, after))
    return sign * F.max_pool2d(padded, side, stride=1) + fill.view(1, -1, 1, 1)


def add_noise(images: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of this SD to images (N, C, H, W) in 0..1, and clip them to 0..1."""
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    return (images + sd * noise).clamp_(0, 1)


def _warp(images: Tensor, matrix: list[list[float]], fill: Tensor) -> Tensor:
    """Sample images bilinearly where an affine map sends each place, in -1..1 from the centre."""
    colour = fill.view(1, -1, 1, 1)
    theta = torch.tensor(matrix, device=images.device).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images - colour, grid, align_corners=False) + colour


def _pixels(side: int, *numbers: int) -> list[float]:
    """Whole pixels in the same proportion to the side as these have to ``SIDE``, at least these.

    Those that would leave nothing of an image are left out.
    """
    found = sorted({round(n * max(1, side / SIDE)) for n in numbers})
    return [float(size) for size in found if abs(size) < side]


CHANGES = {
    change.name: change
    for change in (
        Change(
            "translate",
            "translation in four directions",
            "translation (pixels)",
            0,
            lambda side: _pixels(side, *range(9)),
            lambda size: len(DIRECTIONS) if size else 1,
            lambda images, size, variant, fill, _: translate(
                images,
                round(size) * DIRECTIONS[variant][0],
                round(size) * DIRECTIONS[variant][1],
                fill,
            ),
        ),
        Change(
            "scale",
            "change of scale",
            "scale factor",
            1,
            lambda _: [tenths / 10 for tenths in range(5, 16)],
            lambda _: 1,
            lambda images, size, _variant, fill, _: scale(images, size, fill),
        ),
        Change(
            "rotate",
            "rotation both ways",
            "rotation (degrees)",
            0,
            lambda _: [float(degrees) for degrees in range(0, 91, 10)],
            lambda size: 2 if size else 1,
            lambda images, size, variant, fill, _: rotate(images, (size, -size)[variant], fill),
        ),
        Change(
            "thickness",
            "change of stroke thickness",
            "change of stroke thickness (pixels)",
            0,
            lambda side: _pixels(side, *range(-2, 3)),
            lambda size: 1 + round(size) % 2,
            lambda images, size, variant, fill, _: thicken(
                images, round(size), fill, towards_end=bool(variant)
            ),
        ),
        Change(
            "noise",
            "Gaussian noise",
            "SD of the noise (fraction of the pixel range)",
            0,
            lambda _: [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            lambda _: 1,
            lambda images, size, _variant, _fill, generator: add_noise(images, size, generator),
        ),
    )
}
