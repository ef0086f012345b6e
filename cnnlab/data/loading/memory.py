"""Batches from memory, by index, and an order of images that depends on the seed alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cnnlab.data.dataset import Images
from cnnlab.data.loading.alternating_flip import AlternatingFlip
from cnnlab.data.loading.augment import (
    NO_AUGMENT,
    Augment,
    BatchAugmentation,
    augment_batch,
)
from cnnlab.data.loading.buffers import Buffers
from cnnlab.data.loading.normalise import Normalise
from cnnlab.data.loading.resized_crop import draw_boxes, resized_crops
from cnnlab.data.loading.stream import HostStream
from cnnlab.data.packing.images import PackedImages, located
from cnnlab.spec import ImageSpec


class MemoryBatches:
    """Images as uint8 on ``device``; called with indices, returns a batch for a network.

    Random augmentation draws from torch's global generators of ``device`` and of the CPU.
    ``augments`` says whether there is any. ``seed``, of the run, tells in which epochs an
    alternating flip mirrors an image. With ``streamed`` the images stay on the host, in memory or
    in a file that is mapped, and each batch is copied to ``device``.
    """

    def __init__(
        self,
        images: Images,
        spec: ImageSpec,
        device: torch.device | str,
        augment: Augment | None = None,
        registered: Sequence[BatchAugmentation] = (),
        seed: int = 0,
        memory_format: torch.memory_format = torch.contiguous_format,
        streamed: bool = False,
    ) -> None:
        self.streamed = streamed
        self.images = images if streamed else images.to(device)
        self.labels = images.labels.to(device)
        self.size = spec.height, spec.width
        self.crops = (augment or NO_AUGMENT).random_resized_crop
        on_cpu = torch.device(device).type == "cpu"
        self.buffers = Buffers() if on_cpu and self.crops is not None else None
        self.normalise = Normalise(spec, device, self.buffers)
        self.memory_format = memory_format
        self.num_classes = spec.num_classes
        self.registered = tuple(registered)
        self.augment = augment or NO_AUGMENT
        self.augments = self.augment != NO_AUGMENT or bool(self.registered)
        self.flips = self.augment.flip is True
        if self.crops is not None and self.flips:  # in the copy that crops need anyway
            self.augment = replace(self.augment, flip=False)
        self.alternating: AlternatingFlip | None = None
        if self.augment.flip == "alternating":
            self.alternating = AlternatingFlip(len(images), _hash("flip", seed), device)
        self.stream: HostStream | None = None
        if streamed and not on_cpu:
            self.stream = HostStream(images, torch.device(device), whole=self.crops is not None)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def mixes_labels(self) -> bool:
        """Whether targets are weights of all classes, by mixup or cutmix."""
        return bool(self.augment.mixup or self.augment.cutmix)

    def begin_epoch(self, epoch: int) -> None:
        """Mirror what an alternating flip mirrors in this epoch, from 0."""
        if self.alternating is not None:
            self.alternating.begin_epoch(epoch)

    def __call__(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The batch at ``indices``, int64 (N,) on the device.

        Returns:
            inputs, float32 (N, C, H, W) normalised, and targets: int64 (N,), or float32 (N, K)
            with mixup or cutmix.
        """
        labels = self.labels.index_select(0, indices)
        mirrored = None if self.alternating is None else self.alternating(indices)
        if self.crops is None:
            pixels = self._read(indices)
        else:
            pixels, mirrored = self._cropped(indices, self.crops, mirrored), None
        if not self.augments:
            inputs, targets = self.normalise(pixels), labels
        else:
            inputs, targets = augment_batch(
                pixels,
                labels,
                self.augment,
                self.normalise,
                self.num_classes,
                self.registered,
                mirrored,
            )
        # Last, and with no copy where it is so already: what comes before is several times slower
        # on three channels side by side.
        return inputs.contiguous(memory_format=self.memory_format), targets

    @property
    def pixels(self) -> Tensor:
        """All of them, uint8 (N, C, H, W)."""
        return self.images.pixels

    def announce(self, indices: Tensor, asked_with: Tensor) -> None:
        """Say which images the next steps use, as `HostStream.announce` does."""
        if self.stream is not None:
            self.stream.announce(indices, asked_with)
        elif isinstance(self.images, PackedImages):
            self.images.will_need(indices)

    def _read(self, indices: Tensor) -> Tensor:
        """The pixels at ``indices``: uint8 (N, C, H, W)."""
        if self.stream is None:
            return self.images.read(indices)
        pictures = self.stream.read(indices)
        return pictures.values.view(len(indices), pictures.channels, *self.size)

    def _cropped(
        self, indices: Tensor, scale: tuple[float, float], mirrored: Tensor | None
    ) -> Tensor:
        """Random boxes of the pictures at ``indices``, resized and flipped: uint8 (N, C, H, W)."""
        if self.stream is None:
            pictures, rows = located(self.images, indices)
        else:
            pictures = self.stream.read(indices)
            rows = torch.arange(len(indices), device=indices.device)
        boxes = draw_boxes(pictures.heights[rows], pictures.widths[rows], scale)
        if self.flips:
            mirrored = torch.rand(len(rows), device=rows.device) < 0.5
        return resized_crops(pictures, rows, boxes, self.size, mirrored, self.buffers)


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """The order of ``n`` training images in an epoch: int64 (n,), a permutation, on the CPU."""
    generator = torch.Generator().manual_seed(_hash("order", seed, epoch))
    return torch.randperm(n, generator=generator)


def step_seed(seed: int, epoch: int, step: int) -> int:
    """The seed for torch before a step, so that its random numbers depend on nothing else."""
    return _hash("step", seed, epoch, step)


def seed_generators(value: int, device: torch.device) -> None:
    """Seed torch's global generators of the CPU and of ``device``.

    In 2 microseconds; ``torch.manual_seed`` takes 200, because it seeds every kind of device.
    """
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(value)
    elif device.type != "cpu":
        torch.manual_seed(value)


def _hash(*parts: int | str) -> int:
    """A hash of 63 bits, the same on every machine."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
