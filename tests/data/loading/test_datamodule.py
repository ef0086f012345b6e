"""How many images an evaluation takes at a time, and what images are normalised by."""

import pytest
import torch

from cnnlab.data.dataset import Images, Splits
from cnnlab.data.loading.chunks import Position
from cnnlab.data.loading.datamodule import ImageData, eval_batch_size
from cnnlab.spec import ImageSpec


@pytest.mark.parametrize(
    ("shape", "batch_size", "expected"),
    [
        ((1, 28, 28), 128, 1024),
        ((3, 32, 32), 128, 341),  # 2 ** 20 / 3072
        ((3, 32, 32), 512, 512),
        ((3, 224, 224), 32, 32),
    ],
)
def test_evaluation_takes_a_million_numbers_at_a_time(shape, batch_size, expected):
    assert eval_batch_size(ImageSpec(*shape, 10), batch_size) == expected


def test_pixels_are_left_as_they_are_where_nothing_is_stated():
    assert ImageSpec(2, 1, 1, 10).normalisation() == ((0.0, 0.0), (1.0, 1.0))
    stated = ImageSpec(2, 1, 1, 10, mean=(0.1, 0.2), std=(0.3, 0.4))
    assert stated.normalisation() == ((0.1, 0.2), (0.3, 0.4))


@pytest.mark.parametrize(("batch_size", "steps", "each"), [(5, 2, 2), (5, 4, 4), (10, 50, 20)])
def test_a_limited_evaluation_is_a_stratified_sample_in_the_order_of_the_images(
    batch_size, steps, each
):
    """Sorted by class, as folders and ImageNet are: the first images would be of one class."""
    labels = torch.arange(5).repeat_interleave(20)
    images = Images(torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1), labels)
    data = ImageData(
        Splits(images, images, images, ""),
        ImageSpec(1, 1, 1, 5),
        Position(1),
        batch_size=batch_size,
        seed=3,
        max_eval_steps=steps,
    )
    sample, again = data.evaluated(images), data.evaluated(images)
    assert sample.labels.bincount().tolist() == [each] * 5
    which = sample.pixels.flatten()
    assert torch.equal(which, again.pixels.flatten())
    assert (which.diff() > 0).all()
    assert torch.equal(sample.labels, labels[which.long()])
    assert (sample is images) == (steps == 50)
