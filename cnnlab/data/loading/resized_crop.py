"""Random resized crops (Szegedy et al. 2015) of whole batches, each image with a box of its own.

Boxes are drawn as torchvision's RandomResizedCrop draws them, and resized bilinearly with
antialiasing. On a CPU each box is one call of torch's own resizing of bytes, which is 5 times
faster than any way of resizing boxes of different sizes at once; on other devices all are.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.data.loading.buffers import Buffers
from cnnlab.data.loading.crop import mirror

RATIO = (3 / 4, 4 / 3)  # of a box's width to its height
ATTEMPTS = 10  # to draw a box that fits
MOVED = 1024  # pictures that are copied to a device at a time
FEWEST = 8  # pictures for a thread


class Pictures(NamedTuple):
    """P pictures of any sizes, their pixels one behind the other.

    Attributes:
        values: uint8, all pixels.
        offsets, heights, widths: int64 (P,), where each begins and its size.
        shorter: the longest of the pictures' shorter sides, known without asking the device.
        interleaved: whether a picture is (h, w, C); else it is (C, h, w).
    """

    values: Tensor
    offsets: Tensor
    heights: Tensor
    widths: Tensor
    channels: int
    shorter: int
    interleaved: bool

    @classmethod
    def of(cls, pixels: Tensor) -> "Pictures":
        """Images uint8 (N, C, H, W), as pictures."""
        count, channels, height, width = pixels.shape
        numbers = torch.arange(count, device=pixels.device)
        heights, widths = (torch.full_like(numbers, side) for side in (height, width))
        flat = pixels.reshape(-1)
        offsets = numbers * (channels * height * width)
        return cls(flat, offsets, heights, widths, channels, min(height, width), False)

    def pick(self, rows: Tensor, device: torch.device | str = "cpu") -> "Pictures":
        """The pictures at ``rows``, int64 (N,), copied to a device, some at a time."""
        heights, widths = self.heights[rows], self.widths[rows]
        counts = heights * widths * self.channels
        ends = counts.cumsum(0)
        values = torch.empty(int(counts.sum()), dtype=torch.uint8, device=device)
        places = list(zip(self.offsets[rows].tolist(), counts.tolist(), strict=True))
        done = 0
        for first in range(0, len(places), MOVED):
            part = places[first : first + MOVED]
            pieces = torch.cat([self.values[start : start + count] for start, count in part])
            values[done : done + len(pieces)] = pieces
            done += len(pieces)
        return self._with(values, *(each.to(device) for each in (ends - counts, heights, widths)))

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Pictures":
        """The same on a device."""
        return self._with(*(part.to(device, non_blocking=non_blocking) for part in self[:4]))

    def pinned(self) -> "Pictures":
        """The same in pinned memory, from which copies to a GPU do not wait."""
        return self._with(*(part.pin_memory() for part in self[:4]))

    def _with(self, values: Tensor, *places: Tensor) -> "Pictures":
        offsets, heights, widths = places
        return Pictures(
            values, offsets, heights, widths, self.channels, self.shorter, self.interleaved
        )


def draw_boxes(heights: Tensor, widths: Tensor, scale: tuple[float, float]) -> Tensor:
    """Random boxes inside pictures, from torch's global generator of their device.

    The area is uniform within ``scale``, the logarithm of width to height within `RATIO`. If ten
    boxes in a row do not fit, it is the largest in the centre with an allowed ratio.

    Returns:
        int64 (N, 4): top, left, height and width.
    """
    count, device = len(heights), heights.device
    high, wide = heights.double(), widths.double()
    drawn = torch.rand(2, ATTEMPTS, count, dtype=torch.float64, device=device)
    area = high * wide * (scale[0] + (scale[1] - scale[0]) * drawn[0])
    low, top = (math.log(ratio) for ratio in RATIO)
    ratio = torch.exp(low + (top - low) * drawn[1])
    across, down = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (across > 0) & (down > 0) & (across <= wide) & (down <= high)  # (ATTEMPTS, N)
    first = fits.byte().argmax(0, keepdim=True)  # the first of them
    found = fits.any(0)
    height = torch.where(found, down.gather(0, first)[0], (wide / RATIO[0]).round().minimum(high))
    width = torch.where(found, across.gather(0, first)[0], (high * RATIO[1]).round().minimum(wide))
    at = torch.where(found, torch.rand(2, count, dtype=torch.float64, device=device), 0.5)
    y, x = ((at[0] * (high - height + found)).floor(), (at[1] * (wide - width + found)).floor())
    return torch.stack([y, x, height, width], 1).long()


def centre_boxes(heights: Tensor, widths: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes of ``size`` (H, W) in the centre of larger pictures, as torchvision's: int64 (N, 4)."""
    high, wide = (torch.full_like(heights, side) for side in size)
    top, left = (((of - side) / 2).round().long() for of, side in ((heights, high), (widths, wide)))
    return torch.stack([top, left, high, wide], 1)


def resized_crops(
    pictures: Pictures,
    rows: Tensor,
    boxes: Tensor,
    size: tuple[int, int],
    mirrored: Tensor | None = None,
    buffers: Buffers | None = None,
    *,
    exact: bool = False,
) -> Tensor:
    """Cut a box out of each picture and resize it to (H, W): uint8 (N, C, H, W).

    Args:
        rows: int64 (N,), which pictures.
        boxes: int64 (N, 4), top, left, height and width.
        mirrored: bool (N,), which of the results to flip left to right.
        buffers: where the result's memory comes from, on a CPU; None: it is new.
        exact: whether every box is of ``size``, which a GPU cannot be asked without waiting.
    """
    if pictures.values.device.type != "cpu":
        resized = all_at_once(pictures, rows, boxes, size, exact=exact)
        return resized if mirrored is None else mirror(resized, mirrored)
    cut = (buffers or Buffers()).acquire((len(rows), pictures.channels, *size), torch.uint8)
    columns = (of[rows].tolist() for of in (pictures.offsets, pictures.heights, pictures.widths))
    flips = [False] * len(rows) if mirrored is None else mirrored.tolist()
    work = list(zip(*columns, boxes.tolist(), flips, cut.numpy(), strict=True))

    def write(part: list[tuple[int, int, int, list[int], bool, NDArray[np.uint8]]]) -> None:
        for offset, height, width, box, flip, result in part:
            pixels = _resized(pictures, offset, height, width, box, size)
            # Torch's own change of order takes three times as long, on bytes.
            np.copyto(result, pixels[..., ::-1] if flip else pixels)

    threads = min(torch.get_num_threads(), len(work) // FEWEST)
    if threads > 1:  # torch resizes bytes on one core, and outside of Python's lock
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(write, (work[first::threads] for first in range(threads))))
    else:
        write(work)
    return cut


def _resized(
    pictures: Pictures,
    offset: int,
    height: int,
    width: int,
    box: list[int],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """The box of one picture, resized: uint8 (C, H, W), laid out in memory as the picture is."""
    top, left, high, wide = box
    channels, steps = pictures.channels, (height * width, width, 1)
    layout = torch.contiguous_format
    if pictures.interleaved:
        steps, layout = (1, width * channels, channels), torch.channels_last
    start = offset + top * steps[1] + left * steps[2]
    cut = pictures.values.as_strided((1, channels, high, wide), (0, *steps), start)
    if (high, wide) != size:  # a box that lies apart is resized at half the speed
        cut = cut.contiguous(memory_format=layout)
        cut = F.interpolate(cut, size, mode="bilinear", antialias=True)
    return cut[0].numpy()


def all_at_once(
    pictures: Pictures, rows: Tensor, boxes: Tensor, size: tuple[int, int], *, exact: bool = False
) -> Tensor:
    """As `resized_crops`, by operations on all boxes: for GPUs, where none waits for another."""
    top, left, high, wide = boxes.unbind(1)
    channel = torch.arange(pictures.channels, device=boxes.device).view(1, -1, 1, 1)
    offset, width, height = (
        of[rows].view(-1, 1, 1, 1) for of in (pictures.offsets, pictures.widths, pictures.heights)
    )
    step = pictures.channels if pictures.interleaved else 1  # from a pixel to its neighbour
    offset = offset + channel * (1 if pictures.interleaved else height * width)

    def pixels(y: Tensor, x: Tensor) -> Tensor:  # of each box at lines (N, H) and columns (N, W)
        return pictures.values[
            offset + width * step * y[:, None, :, None] + step * x[:, None, None, :]
        ]

    if exact:
        lines, columns = (torch.arange(side, device=boxes.device) for side in size)
        return pixels(top[:, None] + lines, left[:, None] + columns)
    longest = max(*size, math.ceil(pictures.shorter * RATIO[1]))  # side of a box
    down, across = _taps(top, high, size[0], longest), _taps(left, wide, size[1], longest)
    total = torch.zeros(len(rows), pictures.channels, *size, device=boxes.device)
    for y, weight_y in down:
        for x, weight_x in across:
            weight = weight_y[:, None, :, None] * weight_x[:, None, None, :]
            total.addcmul_(pixels(y, x), weight)
    return total.round_().clamp_(0, 255).to(torch.uint8)


def _taps(start: Tensor, extent: Tensor, length: int, longest: int) -> list[tuple[Tensor, Tensor]]:
    """Which pixels of a line each of ``length`` resized ones is a mean of, and their weights.

    Args:
        start, extent: int64 (N,), of the box along the line, at most ``longest``.

    Returns:
        pairs of int64 (N, length) and float32 (N, length); as many as the longest box needs.
    """
    scale = (extent / length).unsqueeze(1)  # (N, 1)
    support = scale.clamp(min=1)
    most = 2 * math.ceil(longest / length) + 1
    centre = (torch.arange(length, device=start.device) + 0.5) * scale
    first = (centre - support + 0.5).floor()
    taps, total = [], torch.zeros_like(centre)
    for tap in range(most):
        at = first + tap
        inside = (at >= 0) & (at < extent.unsqueeze(1))
        weight = (1 - (at + 0.5 - centre).abs() / support).clamp(min=0) * inside
        taps.append((start.unsqueeze(1) + at.clamp(min=0).minimum(extent.unsqueeze(1) - 1), weight))
        total += weight
    return [(place.long(), (weight / total).float()) for place, weight in taps]
