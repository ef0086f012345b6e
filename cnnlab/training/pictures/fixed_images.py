"""Feature maps of the same images and the same channels, to be followed over the epochs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.explain.pictures.drawing import mosaic, scaled, show_mosaic
from cnnlab.training.pictures.class_names import drawable
from cnnlab.training.pictures.image_rows import drawable_images

CHANNELS = 8  # the first of each layer
INCHES = 0.8  # of a row


def fixed_images_figure(pixels: NDArray[np.uint8], maps: Mapping[str, Tensor]) -> Figure:
    """Draw the images, and below them a block for each layer with a row of maps for each image.

    Args:
        pixels: (N, C, H, W).
        maps: by the layer's title, (N, C, H, W); the first eight channels are drawn, each scaled
            to its own range.
    """
    count = len(pixels)
    heights = [INCHES + 0.25, *(count * INCHES + 0.3 for _ in maps)]
    figure = Figure(figsize=(7, 0.5 + sum(heights)), dpi=100, layout="constrained")
    figure.suptitle(f"Feature maps of {count} validation images, a row for each", fontsize=10)
    first, *others = figure.subplots(len(heights), 1, height_ratios=heights)
    images = drawable_images(pixels / 255)
    colors = images if images.ndim == 4 else images[..., None].repeat(3, axis=-1)
    show_mosaic(first, mosaic(colors, CHANNELS))
    first.set_title("the images", fontsize=8, loc="left")
    for axes, (title, values) in zip(others, maps.items(), strict=True):
        number, height, width = values.shape[1:]
        shown = min(CHANNELS, number)
        tiles = []
        for image in values[:, :shown]:
            tiles += [scaled(channel) for channel in image]
            tiles += [np.ones((height, width, 3))] * (CHANNELS - shown)
        show_mosaic(axes, mosaic(tiles, CHANNELS))
        said = f"{drawable(title)}: the first {shown} of {number} maps, {height}x{width}"
        axes.set_title(said, fontsize=8, loc="left")
    return figure
