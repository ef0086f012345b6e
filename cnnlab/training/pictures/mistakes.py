"""The most confident mistakes: each image with its class, and what it is taken for."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnnlab.spec import ImageSpec
from cnnlab.training.pictures.class_names import short_names
from cnnlab.training.pictures.image_rows import drawable_images, image_rows_figure

MOST, COLUMNS = 16, 8


def mistakes_figure(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    confidence: NDArray[np.floating],
    spec: ImageSpec,
) -> Figure:
    """Draw wrongly classified images (M, C, H, W), the most confident mistake first.

    Args:
        labels, predicted: classes (M,).
        confidence: probability of the predicted class (M,).
    """
    names = short_names(spec.class_names or [str(k) for k in range(spec.num_classes)])
    captions = [
        f"truth {names[true]}\nguess {names[guess]}\n{100 * p:.1f}%"
        for true, guess, p in zip(labels, predicted, confidence, strict=True)
    ]
    images = drawable_images(pixels / 255)
    starts = range(0, max(1, len(images)), COLUMNS)
    return image_rows_figure(
        [images[start : start + COLUMNS] for start in starts],
        [captions[start : start + COLUMNS] for start in starts],
        "Most confident mistakes: truth, guess and confidence" if captions else "No mistakes",
        dpi=100,
    )
