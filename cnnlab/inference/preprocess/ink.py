"""A drawing on paper as a white one on black, cropped and centred as the training images were.

For MNIST the digits were fitted into 20x20 pixels with their proportions, and put into 28x28 by
their centre of mass (LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning, III.A).
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor

from cnnlab.data.dataset import Ink

WORKING = 640  # pixels of the longer side at which ink is looked for
COARSE = 96  # of the same for the paper's brightness
WINDOW = 1 / 3  # of the shorter side: strokes are narrower, shadows are wider
SIMILAR, MUCH = 0.1, 0.25  # greys, by their range, and the share of the pixels that have them
FRAME = 0.1  # of the sides: where there is hardly any ink
ENDS = 0.01, 99.99  # percentiles: a digit on a whole page is a few hundredths of a per cent of it
FAINT = 0.08  # contrast below which there is no ink
THRESHOLD = 0.4  # of the darkest ink
SMALLEST = 0.05  # of the largest piece of ink; smaller ones are dirt
ENLARGED = 8  # times its final size, the drawing whose strokes are thickened
Floats = NDArray[np.float32]


def is_on_light(grey: NDArray[Any]) -> bool:
    """Whether a picture (H, W) is of dark ink on light ground.

    Where much of it has the grey of its corners, that is the ground. Else the ground is a
    quadratic surface through the greys of its frame, as paper is seldom lit evenly, and what
    stands out most from it is the ink.
    """
    plane = grey.astype(np.float64)
    side = max(1, min(plane.shape) // 10)
    ends = slice(None, side), slice(-side, None)
    corners = float(np.median([plane[rows, columns] for rows in ends for columns in ends]))
    darkest, lightest = np.percentile(plane, ENDS)
    similar = np.abs(plane - corners) <= SIMILAR * (lightest - darkest)
    if similar.mean() > MUCH:
        return corners > (darkest + lightest) / 2 if lightest > darkest else corners > 127
    y, x = (np.linspace(-1, 1, side) for side in plane.shape)
    x, y = np.meshgrid(x, y)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    frame = np.maximum(np.abs(x), np.abs(y)) >= 1 - 2 * FRAME
    step = max(1, int(frame.sum()) // 10_000)
    known, greys = terms[frame][::step], plane[frame][::step]
    near = np.ones(len(greys), dtype=bool)
    for _ in range(3):  # again without the ink that reaches into the frame
        surface = np.linalg.lstsq(known[near], greys[near])[0]
        off = np.abs(greys - known @ surface)
        near = off <= max(4.0, 3 * float(np.median(off)))
    darkest, lightest = np.percentile(plane - terms @ surface, ENDS)
    if max(-darkest, lightest) < 255 * FAINT:  # nothing does
        return float(np.median(greys)) > 127
    return bool(-darkest > lightest)


def draw_ink(
    image: Image.Image, style: Ink, size: tuple[int, int], whole: tuple[int, int]
) -> tuple[Tensor, list[str]] | None:
    """White ink on black: uint8 (1, H, W), and what was done; None where there is no ink.

    Args:
        image: in grey.
        size: (H, W).
        whole: (W, H) of the picture that ``image`` may be a smaller version of, for the notes.
    """
    assert style.fill is not None
    image = image.copy()
    image.thumbnail((WORKING, WORKING), Image.Resampling.BILINEAR)
    grey = np.asarray(image, dtype=np.float32)
    on_light = is_on_light(grey)
    ink = _contrast(grey, on_light)
    mask = _pieces(ink)
    if mask is None:
        return None
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    near = ndimage.binary_dilation(mask, iterations=2)
    ink = np.clip(ink / np.percentile(ink[mask], 90), 0, 1) * near
    side = style.fill * min(size)
    drawing, thickened = _resized(ink[box], side, style.stroke * min(size))
    pixels = _placed(drawing, size, style)
    if style.detail is not None:
        pixels = F.interpolate(F.adaptive_avg_pool2d(pixels, style.detail), size, mode="bilinear")
    scale = whole[0] / image.width
    across, down = (max(1, round(scale * (part.stop - part.start))) for part in reversed(box))
    notes = [
        *(["inverted (dark on light)"] if on_light else []),
        f"cropped to the ink ({across}x{down})",
        *(["strokes thickened"] if thickened else []),
        "centred by mass" if style.centre == "mass" else "centred",
    ]
    return pixels[0].mul(255).round_().to(torch.uint8), notes


def _contrast(grey: Floats, on_light: bool) -> Floats:
    """How much darker than the paper around it each pixel is (or lighter), 0..1, (H, W)."""
    height, width = grey.shape
    scale = min(1.0, COARSE / max(height, width))
    coarse = tuple(max(1, round(scale * side)) for side in (height, width))
    small = F.interpolate(_batch(grey), coarse, mode="bilinear", antialias=True)
    if not on_light:
        small = 255 - small
    # The lightest of the surroundings, then the darkest of these: closing fills the strokes.
    window = max(3, int(WINDOW * min(coarse))) | 1
    paper = -_largest(-_largest(small, window), window)
    for _ in range(2):
        paper = F.avg_pool2d(paper, 5, 1, 2, count_include_pad=False)
    spread = F.interpolate(paper, (height, width), mode="bilinear")
    ground: Floats = spread[0, 0].numpy()
    if on_light:  # light falls on ink and paper alike
        darker: Floats = np.clip(1 - grey / np.maximum(ground, 1), 0, 1)
        return darker
    lighter: Floats = np.clip((grey - (255 - ground)) / 255, 0, 1)
    return lighter


def _pieces(ink: Floats) -> NDArray[np.bool_] | None:
    """Where the drawing is, (H, W), without dirt and what is at the picture's edge."""
    smooth = ndimage.uniform_filter(ink, 3) if min(ink.shape) >= 100 else ink
    if (peak := float(smooth.max())) < FAINT:
        return None
    labels, number = ndimage.label(smooth > THRESHOLD * peak, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=number + 1)
    areas[0] = 0
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inside = areas.copy()
    inside[edge] = 0
    if inside.max() >= SMALLEST * areas.max():
        areas = inside
    kept: NDArray[np.bool_] = areas >= SMALLEST * areas.max()
    kept[0] = False
    return np.asarray(kept[labels], dtype=bool)


def _resized(ink: Floats, side: float, stroke: float) -> tuple[Tensor, bool]:
    """The drawing (1, 1, h, w) with the longer side of ``side`` pixels, and if it was thickened."""
    height, width = ink.shape
    scale = side / max(height, width)
    large = _scaled(_batch(ink), ENLARGED * scale)
    dark = large[0, 0].numpy() > 0.5
    outline = dark & ~ndimage.binary_erosion(np.pad(dark, 1))[1:-1, 1:-1]
    found = 2 * dark.sum() / max(1, outline.sum())  # width of strokes, from area and outline
    lacking = round(ENLARGED * stroke - found)
    if lacking > ENLARGED // 4:
        large = _largest(F.pad(large, (lacking,) * 4), lacking | 1)
    drawing = _scaled(large, side / max(large.shape[2:]))
    return (drawing / drawing.max().clamp(min=0.1)).clamp_(0, 1), lacking > ENLARGED // 4


def _placed(drawing: Tensor, size: tuple[int, int], style: Ink) -> Tensor:
    """The drawing (1, 1, h, w) in the middle of black (1, 1, H, W), moved by whole pixels."""
    placed = torch.zeros(1, 1, *size)
    starts = []
    for axis, side in zip((2, 3), size, strict=True):
        length = drawing.shape[axis]
        middle = (length - 1) / 2
        if style.centre == "mass":
            along = drawing.sum((0, 1, 5 - axis))
            middle = float((along * torch.arange(length)).sum() / along.sum())
        starts.append(min(max(0, round((side - 1) / 2 - middle)), side - length))
    top, left = starts
    placed[..., top : top + drawing.shape[2], left : left + drawing.shape[3]] = drawing
    return placed


def _batch(plane: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(plane))[None, None]


def _scaled(image: Tensor, scale: float) -> Tensor:
    size = [max(1, round(scale * side)) for side in image.shape[2:]]
    return F.interpolate(image, size, mode="bilinear", antialias=True)


def _largest(image: Tensor, window: int) -> Tensor:
    """The largest value in a square around each pixel."""
    pad = window // 2
    rows = F.max_pool2d(image, (window, 1), 1, (pad, 0))
    return F.max_pool2d(rows, (1, window), 1, (0, pad))
