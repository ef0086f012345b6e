"""Handwritten digits that come with scikit-learn: real data without a download."""

from dataclasses import replace
from typing import Annotated

import torch
import torch.nn.functional as F

from cnnlab.data.dataset import ImageDataset, Images, Ink, Splits, split, subset_size
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.registry import DATASETS, Range
from cnnlab.spec import ImageSpec

NUM_TRAIN, NUM_VAL, NUM_TEST = 1197, 300, 300


@DATASETS.register("digits", paper="Alpaydin & Kaynak 1998, UCI optical recognition of digits")
class Digits(ImageDataset):
    """Handwritten digits of 8x8, enlarged: 1,197 for training, 300 for validation, 300 for test.
    CC BY 4.0.

    The 1,797 images have no official test set: all three parts are stratified, with a fixed seed.

    Args:
        size: H and W in pixels, to which the 8x8 images are enlarged bilinearly.
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; off by default.
    """

    fixed_images = True
    num_loaded = NUM_TRAIN + NUM_VAL + NUM_TEST
    licence = "CC BY 4.0"
    ink = Ink(fill=1, stroke=3 / 32, detail=8)
    # Mean and std of the training images at 32x32; from 12x12 on they differ by less than 2%.
    spec = ImageSpec(1, 32, 32, 10, tuple("0123456789"), mean=(0.3055,), std=(0.3245,))

    def __init__(
        self,
        *,
        size: Annotated[int, Range(at_least=8)] = 32,
        subset: int | None = None,
        augment: Augment = NO_AUGMENT,
    ) -> None:
        self.spec = replace(type(self).spec, height=size, width=size)
        self.num_train, self.num_val = subset_size(subset, NUM_TRAIN), NUM_VAL
        self.num_test = NUM_TEST
        self.augment = augment

    def load(self) -> Splits:
        from sklearn.datasets import load_digits  # here, because importing it takes a second

        source = load_digits()
        strokes = torch.from_numpy(source.images).float().unsqueeze(1)  # (1797, 1, 8, 8), 0..16
        size = (self.spec.height, self.spec.width)
        enlarged = F.interpolate(strokes, size=size, mode="bilinear", align_corners=False)
        pixels = enlarged.mul_(255 / 16).round_().to(torch.uint8)
        pool = Images(pixels, torch.from_numpy(source.target).long())
        return split(pool, num_train=self.num_train, num_val=self.num_val, test=NUM_TEST)
