"""Training images as the network gets them in the first steps of a run, and as they were before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import Images, Splits, overfit_splits
from cnnlab.data.loading.augment import NO_AUGMENT
from cnnlab.data.loading.chunks import ChunkLoader, Position
from cnnlab.data.loading.memory import MemoryBatches, seed_generators, step_seed
from cnnlab.data.loading.normalise import Normalise
from cnnlab.spec import ImageSpec
from cnnlab.training.assemble import Assembly

CPU = torch.device("cpu")
PART = 2**22  # pixels that are counted at a time


@dataclass(frozen=True)
class Preview:
    """Images of a run's first batch, under the random numbers of several epochs.

    Attributes:
        pixels: uint8 (N, C, H, W), as stored.
        labels: int64 (N,).
        draws: of each epoch, float32 (N, C, H, W): what the network gets, normalised.
        targets: of each epoch, int64 (N,) or, of mixed images, float32 (N, K).
        augmented: whether an augmentation is on.
    """

    pixels: Tensor
    labels: Tensor
    draws: Sequence[Tensor]
    targets: Sequence[Tensor]
    augmented: bool


def preview(
    config: RunConfig, parts: Assembly, splits: Splits, *, images: int, draws: int
) -> Preview:
    """Load the first batch as training does, once with the seed of each epoch's first step.

    The first draw is what the run's first step gets on one CPU device.

    Args:
        images: shown of the batch, at most; as many classes as possible.
        draws: epochs.
    """
    overfit = config.trainer.overfit
    augment, registered = parts.dataset.augment, parts.augmentations
    if overfit is not None:  # as ``wire`` does
        splits = overfit_splits(splits, overfit * config.batch_size)
        augment, registered = NO_AUGMENT, ()
    batches = MemoryBatches(splits.train, parts.dataset.spec, CPU, augment, registered, config.seed)
    loader = ChunkLoader(
        batches,
        Position(parts.steps_per_epoch),
        config.batch_size,
        config.seed,
        accumulate=config.trainer.accumulate,
        shuffle=overfit is None,
        chunk_steps=1,
    )
    indices = next(iter(loader)).indices[0, 0]
    shown = _of_many_classes(batches.labels[indices], images)
    found = []
    with torch.random.fork_rng(devices=[]):
        for epoch in range(draws):
            batches.begin_epoch(epoch)
            seed_generators(step_seed(config.seed, epoch, 0), CPU)
            found.append([part[shown] for part in batches(indices)])
    first = splits.train.select(indices[shown])
    inputs, targets = zip(*found, strict=True)
    return Preview(first.pixels, first.labels, inputs, targets, batches.augments)


def _of_many_classes(labels: Tensor, most: int) -> Tensor:
    """Positions (M,) of at most ``most`` images, each class as often as the others, in order."""
    seen: dict[int, int] = {}
    rounds = []
    for label in labels.tolist():
        rounds.append(seen.get(label, 0))
        seen[label] = rounds[-1] + 1
    return torch.tensor(rounds).argsort(stable=True)[:most].sort().values


@dataclass(frozen=True)
class ChannelStatistics:
    """Of every channel of all images: mean and standard deviation, each (C,).

    Attributes:
        mean, std: of pixels scaled to 0..1.
        normalised_mean, normalised_std: of what the network gets where nothing is augmented.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    normalised_mean: NDArray[np.float64]
    normalised_std: NDArray[np.float64]


def channel_statistics(images: Images, spec: ImageSpec) -> ChannelStatistics:
    """Count every value of every pixel, which is exact, and normalise the 256 values."""
    counts = np.zeros((spec.channels, 256))
    part_size = max(1, PART // spec.num_features)
    for start in range(0, len(images), part_size):
        part = images.read(torch.arange(start, min(start + part_size, len(images))))
        for channel in range(spec.channels):
            counts[channel] += np.bincount(part[:, channel].numpy().ravel(), minlength=256)
    values = (
        torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1).expand(-1, *spec.shape[:1], 1, 1)
    )
    normalised = Normalise(spec)(values)[..., 0, 0].T.double().numpy()  # (C, 256)
    plain = np.broadcast_to(np.arange(256) / 255, normalised.shape)
    return ChannelStatistics(*_moments(plain, counts), *_moments(normalised, counts))


def _moments(
    values: NDArray[np.floating], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each row of values (C, V), weighted by counts (C, V)."""
    total = counts.sum(1)
    mean = (values * counts).sum(1) / total
    deviation = np.sqrt(((values - mean[:, None]) ** 2 * counts).sum(1) / total)
    return mean, deviation
