"""Alternating flip: every image in every other epoch, whatever the order it comes in."""

import pytest
import torch

from cnnlab.config.check import check
from cnnlab.data.dataset import Images
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.chunks import ChunkLoader, Position
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

COUNT = 400
SPEC = ImageSpec(1, 1, 2, COUNT)
PIXELS = torch.tensor([0, 255], dtype=torch.uint8).expand(COUNT, 1, 1, 2)
IMAGES = Images(PIXELS, torch.arange(COUNT))  # the label tells which image it is


def mirrored(epoch: int, *, seed: int = 0, flip: bool | str = "alternating") -> torch.Tensor:
    """Which images an epoch mirrors, bool (N,), as the training loop gets them."""
    augment = check("augment", {"flip": flip}, Augment)
    batches = MemoryBatches(IMAGES, SPEC, "cpu", augment, seed=seed)
    position = Position(steps_per_epoch=4, epoch=epoch)
    found = torch.zeros(COUNT, dtype=torch.bool)
    for chunk in ChunkLoader(batches, position, 100, seed):
        for indices in chunk.indices.flatten(0, 1):
            inputs, labels = batches(indices)
            found[labels] = inputs[:, 0, 0, 0] > inputs[:, 0, 0, 1]
            position.step += 1
    return found


def test_each_image_is_mirrored_in_exactly_every_other_epoch() -> None:
    epochs = [mirrored(epoch) for epoch in range(4)]
    assert torch.equal(epochs[0], ~epochs[1])
    assert torch.equal(epochs[0], epochs[2])
    assert torch.equal(epochs[1], epochs[3])
    assert 150 < epochs[0].sum() < 250  # half of them begin mirrored
    assert not torch.equal(epochs[0], mirrored(0, seed=1))


def test_other_flips_are_as_they_were() -> None:
    torch.manual_seed(0)
    drawn = torch.rand(100) < 0.5
    batches = MemoryBatches(IMAGES, SPEC, "cpu", Augment(flip=True))
    torch.manual_seed(0)
    inputs, _ = batches(torch.arange(100))
    assert torch.equal(inputs[:, 0, 0, 0] > inputs[:, 0, 0, 1], drawn)
    assert not mirrored(1, flip=False).any()


def test_it_mirrors_cropped_windows() -> None:
    batches = MemoryBatches(IMAGES, SPEC, "cpu", Augment(crop=1, flip="alternating"))
    drawn = []
    for epoch in range(2):
        batches.begin_epoch(epoch)
        torch.manual_seed(0)
        drawn.append(batches(torch.arange(COUNT))[0])
    assert torch.equal(drawn[1], drawn[0].flip(3))


def test_another_word_is_refused() -> None:
    with pytest.raises(CnnlabError, match="flip=sometimes must be bool or alternating"):
        check("augment", {"flip": "sometimes"}, Augment)
