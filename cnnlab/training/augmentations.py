"""The augmentations of ``augment=[...]``: made for a data set, and tried before any work starts."""

from collections.abc import Sequence

import torch

from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build
from cnnlab.data.loading.augment import BatchAugmentation
from cnnlab.registry import AUGMENTATIONS, CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.text import first_line

MAX_TRIED = 2**22  # numbers in an image: larger ones would be slow to try


def make_augmentations(config: RunConfig, spec: ImageSpec) -> list[BatchAugmentation]:
    """Those that the config names, in its order.

    Raises:
        CnnlabError: one refuses its options or the images.
    """
    return [
        build(AUGMENTATIONS, {**options, "name": name}, spec)
        for name, options in config.augment.items()
    ]


def check_augmentations(
    config: RunConfig, augmentations: Sequence[BatchAugmentation], spec: ImageSpec
) -> None:
    """Refuse an augmentation that fails on two black images, or returns other than such.

    Raises:
        CnnlabError: one does.
    """
    if spec.num_features > MAX_TRIED:
        return
    for name, augmentation in zip(config.augment, augmentations, strict=True):
        images = torch.zeros(2, *spec.shape, dtype=torch.uint8)
        try:
            with torch.random.fork_rng(devices=[]):
                changed = augmentation(images)
        except Exception as error:  # whatever the user's own raises
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise CnnlabError(f"augment={name} fails on images of {spec}: {reason}") from error
        expected = f"uint8 {(2, *spec.shape)}"
        returned = type(changed).__name__
        if isinstance(changed, torch.Tensor):
            returned = f"{str(changed.dtype).removeprefix('torch.')} {tuple(changed.shape)}"
        if returned != expected:
            raise CnnlabError(f"augment={name} returns {returned}; it must return {expected}")
