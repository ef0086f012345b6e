import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from cnnlab.data import Digits
from cnnlab.data.dataset import Splits


@pytest.fixture(scope="module")
def splits() -> Splits:
    return Digits().load()


def test_sizes_and_spec(splits: Splits) -> None:
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [1197, 300, 300]
    assert splits.train.pixels.shape == (1197, 1, 32, 32)
    assert splits.train.pixels.dtype == torch.uint8
    assert splits.train.labels.dtype == torch.int64
    assert Digits().num_train == 1197
    assert Digits.spec == Digits().spec


def test_the_split_never_changes(splits: Splits) -> None:
    """Results of all versions and seeds are comparable only while this stands."""
    torch.manual_seed(123)
    assert Digits().load().digest == splits.digest == "7df0f9bb76b9"


def test_parts_are_disjoint_and_together_the_originals() -> None:
    splits = Digits(size=8).load()
    parts = [part.pixels for part in (splits.train, splits.val, splits.test)]
    ours = torch.cat(parts).flatten(1).numpy()
    originals = np.rint(load_digits().data * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, originals))


def test_stratified(splits: Splits) -> None:
    share = torch.bincount(torch.from_numpy(load_digits().target)) / 1797
    for part in (splits.train, splits.val, splits.test):
        counts = torch.bincount(part.labels, minlength=10)
        assert ((counts - len(part) * share).abs() <= 1.5).all()


def test_mean_and_std_are_those_of_the_training_images(splits: Splits) -> None:
    pixels = splits.train.pixels.double() / 255
    assert (round(float(pixels.mean()), 4),) == Digits.spec.mean
    assert (round(float(pixels.std()), 4),) == Digits.spec.std


def test_enlarging_is_bilinear_between_pixel_centres() -> None:
    """At twice the size, pixels lie a quarter and three quarters of the way between two."""
    small, large = (Digits(size=size).load().train.pixels[0, 0].double() for size in (8, 16))
    inner = 0.75 * small[3, 4] + 0.25 * small[3, 5]  # along one row
    below = 0.75 * small[4, 4] + 0.25 * small[4, 5]
    assert abs(large[7, 9] - (0.75 * inner + 0.25 * below)) <= 1


def test_subset_keeps_the_other_parts(splits: Splits) -> None:
    digits = Digits(subset=100)
    assert digits.num_train == 100
    part = digits.load()
    assert part.train.labels.bincount().tolist() == pytest.approx([10] * 10, abs=1)
    assert torch.equal(part.val.pixels, splits.val.pixels)
    assert torch.equal(part.test.pixels, splits.test.pixels)
    with pytest.raises(ValueError, match="subset=1198: there are 1197"):
        Digits(subset=1198)
