"""Random windows of whole batches, and mirror images, by copies of memory."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Padding = Literal["black", "reflect"]


def crop(
    pixels: Tensor,
    padding: int,
    top: Tensor,
    left: Tensor,
    mirrored: Tensor | None = None,
    mode: Padding = "black",
) -> Tensor:
    """Cut windows of the images' own size out of the padded images.

    Args:
        pixels: (N, C, H, W).
        top, left: int64 (N,), 0..2 * padding: the window's corner in the padded image.
        mirrored: bool (N,), which windows to flip left to right.
        mode: what the padding shows.
    """
    n, c, h, w = pixels.shape
    if mode == "reflect":
        rows, columns = (_reflected(size, padding, pixels.device) for size in (h, w))
        padded = pixels.index_select(2, rows).index_select(3, columns)
    else:
        padded = F.pad(pixels, (padding,) * 4)
    # All windows are a view, of which one index_select copies those that are wanted, row by row:
    # nine times faster than a gather by pixel.
    row = w + 2 * padding
    plane = row * (h + 2 * padding)
    first = torch.arange(n, device=pixels.device) * (c * plane) + top * row + left
    last = (n - 1) * c * plane + 2 * padding * (row + 1)
    windows = padded.as_strided((last + 1, c, h, w), (1, plane, row, 1))
    cut = windows.index_select(0, first)
    return cut if mirrored is None else mirror(cut, mirrored)


def mirror(pixels: Tensor, mirrored: Tensor) -> Tensor:
    """Those images flipped left to right that bool (N,) says."""
    both = torch.cat([pixels, pixels.flip(3)])  # copying twice is faster than torch.where
    numbers = torch.arange(len(pixels), device=pixels.device)
    return both.index_select(0, numbers + len(pixels) * mirrored)


def _reflected(size: int, padding: int, device: torch.device) -> Tensor:
    """Positions of a padded line, int64 (size + 2 * padding,), mirrored into 0..size - 1.

    The outermost pixels are not repeated.
    """
    positions = torch.arange(-padding, size + padding, device=device)
    period = max(2 * (size - 1), 1)
    positions = positions.remainder(period)
    return torch.minimum(positions, period - positions) if size > 1 else positions
