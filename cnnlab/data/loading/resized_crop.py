"""Random resized crops (Szegedy et al. 2015) of whole batches, each image with a box of its own.

Boxes are drawn as torchvision's RandomResizedCrop draws them, and resized bilinearly with
antialiasing. On a CPU each box is one call of torch's own resizing of bytes, which is 5 times
faster than any way of resizing boxes of different sizes at once; on other devices all are.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.loading.buffers import Buffers

RATIO = (3 / 4, 4 / 3)  # of a box's width to its height
ATTEMPTS = 10  # to draw a box that fits
MOVED = 1024  # pictures that are copied to a device at a time
PART = 8  # pictures that are cut at a time: they stay in a core's cache
Work = tuple[int, int, int, list[int]]  # of a picture its offset, height and width, and a box


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


def random_resized_crop(
    pictures: Pictures,
    rows: Tensor,
    scale: tuple[float, float],
    size: tuple[int, int],
    buffers: Buffers | None = None,
) -> Tensor:
    """Cut a random box out of each picture and resize it to (H, W): uint8 (N, C, H, W).

    Args:
        rows: int64 (N,), which pictures.
        scale: bounds of a box's area, as a fraction of the picture's.
        buffers: where the result's memory comes from, on a CPU; None: it is new.
    """
    heights, widths = pictures.heights[rows], pictures.widths[rows]
    boxes = draw_boxes(heights, widths, scale)
    return resized_crops(pictures, rows, boxes, size, buffers or Buffers())


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
    buffers: Buffers | None = None,
) -> Tensor:
    """Cut boxes (N, 4) out of the pictures at ``rows`` and resize them: uint8 (N, C, H, W)."""
    if pictures.values.device.type != "cpu":
        return all_at_once(pictures, rows, boxes, size)
    shape = (len(rows), pictures.channels, *size)
    cut = (buffers or Buffers()).acquire(shape, torch.uint8)
    places = (of[rows].tolist() for of in (pictures.offsets, pictures.heights, pictures.widths))
    work = list(zip(*places, boxes.tolist(), strict=True))

    def resize(starts: range) -> None:
        for start in starts:
            part = work[start : start + PART]
            cut[start : start + PART] = _one_by_one(pictures, part, size)

    threads = min(torch.get_num_threads(), len(work) // PART)
    if threads > 1:  # torch resizes bytes on one core, and outside of Python's lock
        with ThreadPoolExecutor(threads) as pool:
            step = PART * threads
            list(pool.map(resize, (range(PART * i, len(work), step) for i in range(threads))))
    else:
        resize(range(0, len(work), PART))
    return cut


def _one_by_one(pictures: Pictures, work: Sequence[Work], size: tuple[int, int]) -> Tensor:
    """The boxes of a few pictures, uint8 (N, C, H, W), laid out in memory as the pictures are."""
    channels = pictures.channels
    layout = torch.channels_last if pictures.interleaved else torch.contiguous_format
    cut = torch.empty(len(work), channels, *size, dtype=torch.uint8, memory_format=layout)
    for index, (offset, height, width, (top, left, high, wide)) in enumerate(work):
        steps = (height * width, width, 1)
        if pictures.interleaved:
            steps = (1, width * channels, channels)
        start = offset + top * steps[1] + left * steps[2]
        box = pictures.values.as_strided((1, channels, high, wide), (0, *steps), start)
        if (high, wide) != size:  # a box that lies apart is resized at half the speed
            box = box.contiguous(memory_format=layout)
            box = F.interpolate(box, size, mode="bilinear", antialias=True)
        cut[index] = box[0]
    return cut


def all_at_once(pictures: Pictures, rows: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """As `resized_crops`, by operations on all boxes: for GPUs, where none waits for another."""
    top, left, high, wide = boxes.unbind(1)
    longest = max(*size, math.ceil(pictures.shorter * RATIO[1]))  # side of a box
    down, across = _taps(top, high, size[0], longest), _taps(left, wide, size[1], longest)
    channel = torch.arange(pictures.channels, device=boxes.device).view(1, -1, 1, 1)
    offset, width, height = (
        of[rows].view(-1, 1, 1, 1) for of in (pictures.offsets, pictures.widths, pictures.heights)
    )
    step = pictures.channels if pictures.interleaved else 1  # from a pixel to its neighbour
    offset = offset + channel * (1 if pictures.interleaved else height * width)
    total = torch.zeros(len(rows), pictures.channels, *size, device=boxes.device)
    for y, weight_y in down:
        for x, weight_x in across:
            place = offset + width * step * y[:, None, :, None] + step * x[:, None, None, :]
            weight = weight_y[:, None, :, None] * weight_x[:, None, None, :]
            total.addcmul_(pictures.values[place], weight)
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
