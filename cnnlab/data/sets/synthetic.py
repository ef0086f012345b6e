"""Generated images of any size that a network can learn, for tests."""

import math
from typing import Annotated

import torch
from torch import Tensor

from cnnlab.data.dataset import ImageDataset, Images, Splits, split, subset_size
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.registry import DATASETS, Range
from cnnlab.spec import ImageSpec

ORIENTATIONS = 10  # number of classes that differ by angle alone; further ones by width too
Count = Annotated[int, Range(at_least=1)]
MAX_CLASSES, MAX_CHANNELS = 100_000, 4096  # each of which has a name, or its own numbers


@DATASETS.register("synthetic")
class Synthetic(ImageDataset):
    """Gratings in noise: a class is an angle and a width of stripes.

    The phase of the stripes is random, so that a single pixel says nothing about the class:
    convolutions learn it at once, a linear model never.

    Args:
        size: H and W in pixels.
        channels: number of channels; all show one grating, each with its own strength and noise.
        num_classes: number of classes; every further 10 have narrower stripes.
        num_train: number of training images, stratified.
        num_val: number of validation images, stratified.
        num_test: number of test images, stratified.
        noise: standard deviation of the noise, where 1 is the range from black to white.
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; off by default.
    """

    def __init__(
        self,
        *,
        size: Annotated[int, Range(at_least=8)] = 32,
        channels: Annotated[int, Range(at_least=1, at_most=MAX_CHANNELS)] = 1,
        num_classes: Annotated[int, Range(at_least=2, at_most=MAX_CLASSES)] = 10,
        num_train: Count = 1000,
        num_val: Count = 200,
        num_test: Count = 200,
        noise: Annotated[float, Range(at_least=0)] = 0.1,
        subset: int | None = None,
        augment: Augment = NO_AUGMENT,
    ) -> None:
        half = (0.5,) * channels
        names = tuple(f"grating {label}" for label in range(num_classes))
        # The mean grey of the gratings, and their standard deviation.
        self.spec = ImageSpec(
            channels, size, size, num_classes, names, mean=half, std=(0.28,) * channels
        )
        self.num_loaded = num_train + num_val + num_test
        self.num_train, self.num_val = subset_size(subset, num_train), num_val
        self.num_test = num_test
        self.noise = noise
        self.augment = augment

    def load(self) -> Splits:
        labels = torch.arange(self.num_loaded) % self.spec.num_classes
        generator = torch.Generator().manual_seed(0)
        # In parts, because float32 images take four times the memory of uint8.
        pixels = torch.cat([self._draw(part, generator) for part in torch.split(labels, 256)])
        pool = Images(pixels, labels)
        return split(pool, num_train=self.num_train, num_val=self.num_val, test=self.num_test)

    def _draw(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """uint8 (N, C, H, W) for labels (N,)."""
        n, (c, h, w) = len(labels), self.spec.shape
        phase, strength, noise = (
            torch.rand(n, 1, 1, 1, generator=generator) * 2 * math.pi,
            torch.rand(n, c, 1, 1, generator=generator) * 0.25 + 0.25,
            torch.randn(n, c, h, w, generator=generator) * self.noise,
        )
        angles = min(ORIENTATIONS, self.spec.num_classes)
        angle = (labels % angles).view(-1, 1, 1, 1) * (math.pi / angles)
        stripes = 3 + (labels // angles).view(-1, 1, 1, 1)  # across the image
        rows = torch.linspace(0, 1, h).view(1, 1, h, 1)
        columns = torch.linspace(0, 1, w).view(1, 1, 1, w)
        along = columns * angle.cos() + rows * angle.sin()  # (N, 1, H, W)
        wave = torch.cos(2 * math.pi * stripes * along + phase)
        return (0.5 + strength * wave + noise).clamp_(0, 1).mul_(255).round_().to(torch.uint8)
