"""How many images an evaluation takes at a time, and what images are normalised by."""

import pytest

from cnnlab.data.loading.datamodule import eval_batch_size
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
