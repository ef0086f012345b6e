"""The LightningDataModule: a loaded data set as chunks of training steps and evaluation passes."""

from collections.abc import Iterator, Sequence

import lightning.pytorch as pl
import torch
from torch import Tensor

from cnnlab.data.dataset import Images, Splits, stratified_order
from cnnlab.data.loading.augment import Augment, BatchAugmentation
from cnnlab.data.loading.chunks import CHUNK_SECONDS, CHUNK_STEPS, ChunkLoader, Position
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.spec import ImageSpec


def eval_batch_size(spec: ImageSpec, batch_size: int) -> int:
    """Images of one evaluation pass: about a million input numbers, at least ``batch_size``.

    That is large, yet within reach of caches and memory.
    """
    return max(batch_size, min(1024, 2**20 // spec.num_features))


class EvalLoader:
    """One pass over all images in their order: inputs (N, C, H, W) and labels (N,)."""

    def __init__(self, batches: MemoryBatches, batch_size: int) -> None:
        self.batches = batches
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.batches) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        device, images = self.batches.labels.device, len(self.batches)
        for start in range(0, images, self.batch_size):
            stop = min(start + self.batch_size, images)
            yield self.batches(torch.arange(start, stop, device=device))


class ImageData(pl.LightningDataModule):
    """Feeds a training module from memory, on the device that trains.

    ``position`` is the module's own, and the training loader continues from there.
    ``registered`` are the augmentations of ``augment=[...]``. With ``shuffle=False`` every epoch
    repeats the training images in their order, as often as it has steps for.
    ``max_eval_steps`` limits each evaluation to a sample of that many times ``batch_size`` images.
    ``checkpoint_every`` names the global steps that chunks must not run past.
    """

    def __init__(
        self,
        splits: Splits,
        spec: ImageSpec,
        position: Position,
        *,
        batch_size: int,
        seed: int,
        accumulate: int = 1,
        augment: Augment | None = None,
        registered: Sequence[BatchAugmentation] = (),
        shuffle: bool = True,
        max_eval_steps: int | None = None,
        checkpoint_every: int | None = None,
        chunk_steps: int = CHUNK_STEPS,
        chunk_seconds: float | None = CHUNK_SECONDS,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__()
        self.splits = splits
        self.spec = spec
        self.position = position
        self.batch_size = batch_size
        self.seed = seed
        self.accumulate = accumulate
        self.augment = augment
        self.registered = registered
        self.shuffle = shuffle
        self.max_eval_steps = max_eval_steps
        self.checkpoint_every = checkpoint_every
        self.chunk_steps = chunk_steps
        self.chunk_seconds = chunk_seconds
        self.memory_format = memory_format

    def train_dataloader(self) -> ChunkLoader:
        """Chunks of optimiser steps, from the module's position on."""
        assert self.trainer is not None
        return ChunkLoader(
            self._batches(self.splits.train, self.augment, self.registered),
            self.position,
            self.batch_size,
            self.seed,
            accumulate=self.accumulate,
            shuffle=self.shuffle,
            chunk_steps=self.chunk_steps,
            chunk_seconds=self.chunk_seconds,
            cut_every=self.checkpoint_every,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
        )

    def val_dataloader(self) -> EvalLoader:
        """The validation images in large batches."""
        return self._evaluation(self.splits.val)

    def statistics_dataloader(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All training images once, in large batches, in their order and not augmented.

        The sizes of batches differ by at most one, so that a mean over batches gives all images
        about the same weight. None is of one image, whose variance batch norm cannot take.
        """
        assert self.trainer is not None
        loader, train = self.trainer.train_dataloader, self.splits.train
        if isinstance(loader, ChunkLoader):  # they are on the device already
            train = loader.batches.images
        batches, count = self._batches(train), len(train)
        parts = -(-count // eval_batch_size(self.spec, self.batch_size))
        parts = max(1, min(parts, count // 2))
        for indices in torch.arange(count, device=batches.labels.device).tensor_split(parts):
            yield batches(indices)

    def test_dataloader(self) -> EvalLoader:
        """The test images in large batches."""
        return self._evaluation(self.splits.test)

    def evaluated(self, images: Images) -> Images:
        """What an evaluation uses of validation or test images: all, or a sample.

        The sample is stratified, always the same, and in the order of the images.
        """
        indices = self.evaluated_indices(images)
        return images if len(indices) == len(images) else images.select(indices)

    def evaluated_indices(self, images: Images) -> Tensor:
        """Which of validation or test images an evaluation uses, int64 (N,) in rising order."""
        limit = len(images)
        if self.max_eval_steps is not None:
            limit = self.max_eval_steps * self.batch_size
        if limit >= len(images):
            return torch.arange(len(images))
        return stratified_order(images.labels)[:limit].sort().values

    def _evaluation(self, images: Images) -> EvalLoader:
        images = self.evaluated(images)
        batch_size = eval_batch_size(self.spec, self.batch_size)
        return EvalLoader(self._batches(images), batch_size)

    def _batches(
        self,
        images: Images,
        augment: Augment | None = None,
        registered: Sequence[BatchAugmentation] = (),
    ) -> MemoryBatches:
        assert self.trainer is not None
        device = self.trainer.strategy.root_device
        return MemoryBatches(
            images,
            self.spec,
            device,
            augment,
            registered,
            self.seed,
            memory_format=self.memory_format,
            streamed=self.splits.streamed,
        )
