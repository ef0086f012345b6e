"""The figure of attributions: the pixels that speak for a class and against it, over the image."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from torch import Tensor

from cnnlab.explain.pictures.drawing import (
    MEDIUM,
    SIGNED,
    Pixels,
    color_bar,
    heading,
    show_picture,
)

HEAT = colormaps["inferno"]
MOST_BLOCKS = 56  # side by side; a larger image is drawn by blocks
CLIP = 0.995  # quantile of the absolute values that gets the full colour: single pixels stand out


def draw_attributions(
    figure: FigureBase,
    pixels: Pixels,
    classes: Sequence[str],
    found: Mapping[str, Sequence[Tensor]],
) -> None:
    """Draw a row for each class: the image, then each method over it.

    Args:
        pixels: the image (H, W, 3).
        classes: what is written at each row.
        found: by method, for each class (H, W) or signed (C, H, W); without negative numbers it is
            drawn as heat.
    """
    what = " ".join(next(iter(found)).split()) if len(found) == 1 else "Attributions"
    what = what[0].upper() + what[1:]
    heading(
        figure,
        f"{what}: the pixels that the class depends on",
        "each scaled to its own largest value",
    )
    grid = figure.subplots(len(classes), 1 + len(found), squeeze=False)
    for row, name in enumerate(classes):
        show_picture(grid[row, 0], pixels)
        grid[row, 0].set_ylabel(name, fontsize=MEDIUM)
        for axes, values in zip(grid[row, 1:], found.values(), strict=True):
            _overlay(axes, pixels, values[row])
    grid[0, 0].set_title("image", fontsize=MEDIUM)
    for axes, (method, values) in zip(grid[0, 1:], found.items(), strict=True):
        block = _block(values[0])
        said = f"\nmean of {block}x{block} pixels" if block > 1 else ""
        axes.set_title(method + said, fontsize=MEDIUM)
    is_signed = {method: _signed(values) for method, values in found.items()}
    for signed, colors, label, low in (
        (False, HEAT, "for the class", 0),
        (True, SIGNED, "against (blue), for (red)", -1),
    ):
        columns = [i for i, method in enumerate(found, start=1) if is_signed[method] == signed]
        if columns:
            color_bar(figure, grid[:, columns].ravel().tolist(), colors, low, 1, label)


def _block(values: Tensor) -> int:
    """The side of the blocks that numbers of single pixels (C, H, W) are averaged over."""
    return max(1, max(values.shape[1:]) // MOST_BLOCKS) if values.dim() == 3 else 1


def _signed(values: Sequence[Tensor]) -> bool:
    return any(bool((value < 0).any()) for value in values)


def _overlay(axes: Axes, pixels: Pixels, values: Tensor) -> None:
    numbers = values.detach().cpu().float()
    numbers = numbers.sum(0) if numbers.dim() == 3 else numbers
    if (block := _block(values)) > 1:  # single pixels are noise to the eye
        blocks = F.avg_pool2d(numbers[None, None], block, ceil_mode=True)
        numbers = F.interpolate(blocks, scale_factor=block)[0, 0, : len(pixels), : pixels.shape[1]]
    limit = float(torch.quantile(numbers.abs().flatten().double(), CLIP)) or float(
        numbers.abs().max()
    )
    level = np.clip(numbers.numpy() / (limit or 1.0), -1, 1)
    grey = pixels.mean(2, keepdims=True)
    if _signed([values]):
        pale = 1 - 0.35 * (1 - grey)  # the image as a faint background
        colors, weight = SIGNED((level + 1) / 2)[..., :3], np.abs(level)[..., None]
        mixed = (1 - weight) * pale + weight * colors
    else:
        mixed = 0.45 * grey + 0.55 * HEAT(level)[..., :3]
    show_picture(axes, np.clip(mixed, 0, 1))
