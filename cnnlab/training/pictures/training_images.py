"""A grid of training images, before and after augmentation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from cnnlab.spec import ImageSpec
from cnnlab.training.pictures.class_names import drawable, short_names
from cnnlab.training.pictures.image_rows import Drawable, drawable_images, image_rows_figure

if TYPE_CHECKING:
    from cnnlab.training.preview import Preview

COLUMNS = 8


def training_images_figure(preview: "Preview", spec: ImageSpec, title: str) -> Figure:
    """Draw the images as stored in the first row, and each draw of the augmentation in a row below.

    Without augmentation there is one grid of images. Normalisation is undone for the picture; the
    range of what the network gets is said.
    """
    names = short_names(spec.class_names or [str(k) for k in range(spec.num_classes)])
    classes = [names[label] for label in preview.labels.tolist()]
    inputs = np.concatenate([draw.numpy() for draw in preview.draws])
    said = f"inputs of the network, normalised: {inputs.min():.2f} to {inputs.max():.2f}"
    title = "\n".join([*map(drawable, title.split("\n")), said])
    if not preview.augmented:
        images = _shown(preview.draws[0], spec)
        starts = range(0, len(images), COLUMNS)
        rows = [images[start : start + COLUMNS] for start in starts]
        captions = [classes[start : start + COLUMNS] for start in starts]
        return image_rows_figure(rows, captions, title)
    rows = [drawable_images(preview.pixels.numpy() / 255)]
    rows += [_shown(draw, spec) for draw in preview.draws]
    captions = [classes, *(_mixed(targets, names) for targets in preview.targets)]
    epochs = [f"epoch {epoch + 1}" for epoch in range(len(preview.draws))]
    return image_rows_figure(rows, captions, title, names=["before", *epochs])


def _shown(inputs: Tensor, spec: ImageSpec) -> Drawable:
    """Normalised inputs (N, C, H, W) with the normalisation undone."""
    mean, std = (np.reshape(values, (1, -1, 1, 1)) for values in spec.normalisation())
    return drawable_images(np.clip(inputs.numpy() * std + mean, 0, 1))


def _mixed(targets: Tensor, names: Sequence[str]) -> list[str]:
    """Of mixed images the weights of the two classes, each on a line; nothing of others."""
    if not targets.is_floating_point():
        return []
    captions = []
    for weights in targets:
        values, classes = weights.topk(min(2, len(weights)))
        pairs = zip(values.tolist(), classes.tolist(), strict=True)
        captions.append("\n".join(f"{names[k]}: {v:.2f}" for v, k in pairs if v >= 0.005))
    return captions
