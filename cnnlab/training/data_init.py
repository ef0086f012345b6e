"""Initial weights that are computed from training images, such as a whitening layer's.

A model is built from the ``ImageSpec`` alone, before any image is read; this comes after.
"""

import torch
from torch import nn

from cnnlab.data.dataset import Images
from cnnlab.data.loading.normalise import Normalise
from cnnlab.spec import ImageSpec

NUM_IMAGES = 5000  # the first training images: enough for statistics of patches
METHOD = "init_from_images"


def init_from_images(
    network: nn.Module, images: Images, spec: ImageSpec, device: torch.device
) -> None:
    """Give training images to each layer that has a method ``init_from_images``, as it asks for.

    It is called once, before training and before weights are loaded, with the first 5,000 images,
    normalised, not augmented: float32 (N, C, H, W). It must draw no random number.

    Args:
        images: all training images.
        device: where the layers get theirs; they may not be there themselves yet.
    """
    layers = [layer for layer in network.modules() if hasattr(layer, METHOD)]
    if not layers:
        return
    first = images.between(0, min(NUM_IMAGES, len(images)))  # of packed ones, no others are read
    inputs = Normalise(spec, device)(first.pixels.to(device))
    for layer in layers:
        getattr(layer, METHOD)(inputs)
