"""A grid of training images, before and after augmentation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.spec import ImageSpec
from cnnlab.training.pictures.class_names import short_names

if TYPE_CHECKING:
    from cnnlab.training.preview import Preview

COLUMNS = 8
SIDE = 1.25  # inches of an image
MARGIN = 1.0  # inches left of the grid, for the names of rows
HEAD = 0.95  # inches above it
NAME = 0.22  # inches above an image, for its class


def training_images_figure(preview: "Preview", spec: ImageSpec, title: str) -> Figure:
    """Draw the images as stored in the first row, and each draw of the augmentation in a row below.

    Without augmentation there is one grid of images. Normalisation is undone for the picture; the
    range of what the network gets is said. Of images that are neither grey nor colour the first
    channel is drawn.
    """
    names = short_names(spec.class_names or [str(k) for k in range(spec.num_classes)])
    inputs = np.concatenate([draw.numpy() for draw in preview.draws])
    if preview.augmented:
        rows = [_drawable(preview.pixels.numpy() / 255)]
        rows += [_shown(draw, spec) for draw in preview.draws]
        labels = ["before", *(f"epoch {epoch + 1}" for epoch in range(len(preview.draws)))]
        classes = [names[label] for label in preview.labels.tolist()]
        captions = [classes, *(_mixed(targets, names) for targets in preview.targets)]
    else:
        images = _shown(preview.draws[0], spec)
        starts = range(0, len(images), COLUMNS)
        rows = [images[start : start + COLUMNS] for start in starts]
        labels = [""] * len(rows)
        classes = [names[label] for label in preview.labels.tolist()]
        captions = [classes[start : start + COLUMNS] for start in starts]
    said = f"inputs of the network, normalised: {inputs.min():.2f} to {inputs.max():.2f}"
    return _draw(rows, labels, captions, f"{title}\n{said}")


def _draw(
    rows: Sequence[NDArray[np.floating]],
    labels: Sequence[str],
    captions: Sequence[Sequence[str]],
    title: str,
) -> Figure:
    columns = max(map(len, rows))
    heights = [SIDE + (NAME if any(caption) else 0.06) for caption in captions]
    left = MARGIN if any(labels) else 0.15
    width = max(left + columns * SIDE + 0.15, 5.5)
    height = HEAD + sum(heights) + 0.1
    figure = Figure(figsize=(width, height), dpi=150)
    figure.suptitle(title, fontsize=11, y=1 - 0.12 / height, va="top")
    top = height - HEAD
    for images, label, caption, row in zip(rows, labels, captions, heights, strict=True):
        top -= row
        for column, image in enumerate(images):
            box = (left + column * SIDE + 0.04, top, SIDE - 0.08, SIDE - 0.08)
            axes = figure.add_axes(tuple(np.divide(box, (width, height) * 2)))
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_axis_off()
            if caption:
                longest = max(map(len, caption))
                axes.set_title(caption[column], fontsize=8 if longest <= 16 else 5.5, pad=2)
        figure.text(
            (left - 0.12) / width, (top + SIDE / 2) / height, label, ha="right", va="center", size=9
        )
    return figure


def _shown(inputs: Tensor, spec: ImageSpec) -> NDArray[np.floating]:
    """Normalised inputs (N, C, H, W) as matplotlib takes them, normalisation undone."""
    mean, std = (np.reshape(values, (1, -1, 1, 1)) for values in spec.normalisation())
    return _drawable(np.clip(inputs.numpy() * std + mean, 0, 1))


def _drawable(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N, C, H, W) as (N, H, W, 3) or (N, H, W)."""
    return images.transpose(0, 2, 3, 1) if images.shape[1] == 3 else images[:, 0]


def _mixed(targets: Tensor, names: Sequence[str]) -> list[str]:
    """Of mixed images the weights of the two classes; nothing of others."""
    if not targets.is_floating_point():
        return []
    captions = []
    for weights in targets:
        values, classes = weights.topk(min(2, len(weights)))
        pairs = zip(values.tolist(), classes.tolist(), strict=True)
        captions.append(" + ".join(f"{v:.2f} {names[k]}" for v, k in pairs if v >= 0.005))
    return captions
