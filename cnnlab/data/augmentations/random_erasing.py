"""Rectangles of random size, shape and place that hide part of an image."""

import math
from typing import Annotated, Literal

import torch
from torch import Tensor

from cnnlab.registry import AUGMENTATIONS, Range
from cnnlab.spec import ImageSpec

TRIES = 10  # for a rectangle that fits into the image, as torchvision's
Share = Annotated[float, Range(above=0, below=1)]


@AUGMENTATIONS.register(
    "random_erasing", paper="Zhong et al. 2020, Random erasing data augmentation"
)
class RandomErasing:
    """Replaces a rectangle of some images with noise or one colour.

    Args:
        p: probability that a rectangle of an image is erased.
        min_area: smallest area of a rectangle, as a fraction of the image's.
        max_area: largest area of a rectangle, as a fraction of the image's.
        aspect: smallest ratio of height to width; the largest is its inverse.
        fill: what replaces it: random pixels, the mean of the data set, or black.

    Raises:
        ValueError: min_area above max_area.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        p: Annotated[float, Range(at_least=0, at_most=1)] = 0.5,
        min_area: Share = 0.02,
        max_area: Share = 0.33,
        aspect: Annotated[float, Range(above=0, at_most=1)] = 0.3,
        fill: Literal["random", "mean", "black"] = "random",
    ) -> None:
        if min_area > max_area:
            raise ValueError(f"min_area={min_area:g} is above max_area={max_area:g}")
        self.p, self.areas = p, (min_area, max_area)
        self.log_aspect = math.log(aspect)
        mean = 255 * torch.tensor(spec.normalisation()[0]).view(-1, 1, 1)
        self.fill = fill
        self.color = mean.round().to(torch.uint8) if fill == "mean" else torch.zeros_like(mean)

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 (N, C, H, W) -> the same."""
        erased = self.rectangles(pixels)
        if self.fill == "random":
            other = torch.randint(256, pixels.shape, dtype=torch.uint8, device=pixels.device)
        else:
            other = self.color.to(pixels.device, torch.uint8, non_blocking=True)
        return torch.where(erased, other, pixels)

    def rectangles(self, pixels: Tensor) -> Tensor:
        """Draw what is erased: bool (N, 1, H, W)."""
        count, device = len(pixels), pixels.device
        height, width = pixels.shape[2:]
        drawn = torch.rand(2, count, TRIES, device=device)
        low, high = self.areas
        area = (low + (high - low) * drawn[0]) * (height * width)
        aspect = (self.log_aspect * (1 - 2 * drawn[1])).exp()
        rows, columns = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
        fits = (rows < height) & (columns < width)  # (N, TRIES)
        first = fits.int().argmax(1, keepdim=True)
        rows, columns = rows.gather(1, first), columns.gather(1, first)  # (N, 1)
        is_erased = fits.any(1, keepdim=True) & (torch.rand(count, 1, device=device) < self.p)
        in_rows = _inside(height, rows) & is_erased  # (N, H)
        in_columns = _inside(width, columns)  # (N, W)
        return (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(1)


def _inside(length: int, extent: Tensor) -> Tensor:
    """Which of ``length`` places are in a random stretch of ``extent`` (N, 1): bool (N, length)."""
    start = (torch.rand_like(extent) * (length - extent + 1)).floor()
    place = torch.arange(length, device=extent.device)
    return (place >= start) & (place < start + extent)
