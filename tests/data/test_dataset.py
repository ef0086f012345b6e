import hashlib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data.dataset import (
    Images,
    data_root,
    digest,
    split,
    stratified_order,
    subset_size,
)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_every_prefix_of_the_order_is_stratified(listed: list[int]) -> None:
    labels = torch.tensor(listed)
    order = stratified_order(labels)
    assert order.sort().values.tolist() == list(range(len(listed)))
    share = torch.bincount(labels, minlength=5) / len(listed)
    classes = int((share > 0).sum())
    for length in range(len(listed) + 1):
        counts = torch.bincount(labels[order[:length]], minlength=5)
        assert ((counts - length * share).abs() <= 0.5 + classes / 2 * share + 1e-4).all()


def test_order_is_shuffled_and_ignores_global_seeds() -> None:
    labels = torch.arange(1000) % 10
    torch.manual_seed(1)
    first = stratified_order(labels)
    torch.manual_seed(2)
    assert torch.equal(first, stratified_order(labels))
    assert (first.diff() == 1).sum() < 20
    assert (labels[first].diff() == 1).sum() < 200  # classes do not simply take turns


def numbered(count: int, classes: int) -> Images:
    """Images whose single pixel is their index."""
    index = torch.arange(count)
    return Images(index.to(torch.uint8).view(-1, 1, 1, 1), index % classes)


def test_split_gives_disjoint_stratified_sorted_parts() -> None:
    splits = split(numbered(200, 4), num_train=100, num_val=40, test=20)
    seen = [part.pixels.flatten().tolist() for part in (splits.train, splits.val, splits.test)]
    assert [len(part) for part in seen] == [100, 40, 20]
    assert len(set().union(*seen)) == 160
    assert all(part == sorted(part) for part in seen)
    for part, each in ((splits.train, 25), (splits.val, 10), (splits.test, 5)):
        assert part.labels.bincount().tolist() == [each] * 4
        assert torch.equal(part.labels, part.pixels.flatten().long() % 4)
    assert splits.digest == digest(*seen[:2])


def test_subsets_are_nested_and_leave_val_and_test_alone() -> None:
    small, large = (split(numbered(200, 4), num_train=n, num_val=40, test=20) for n in (12, 100))
    assert set(small.train.pixels.flatten().tolist()) < set(large.train.pixels.flatten().tolist())
    assert torch.equal(small.val.pixels, large.val.pixels)
    assert torch.equal(small.test.pixels, large.test.pixels)
    assert small.digest != large.digest


def test_official_test_images_stay_as_they_are() -> None:
    official = numbered(7, 3)
    assert split(numbered(50, 2), num_train=40, num_val=10, test=official).test is official


def test_digest_is_over_the_listing() -> None:
    listing = b"train\n3\n5\nval\n1"
    assert digest([3, 5], [1]) == hashlib.sha256(listing).hexdigest()[:12]
    assert digest([3], [5, 1]) != digest([3, 5], [1])


def test_subset_must_be_within_the_number_of_images() -> None:
    assert subset_size(None, 10) == 10
    assert subset_size(10, 10) == 10
    for wrong in (0, -1, 11):
        with pytest.raises(ValueError, match=rf"subset={wrong}: .* 10 training .* 1\.\.10"):
            subset_size(wrong, 10)


def test_root_before_environment_before_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNLAB_DATA", raising=False)
    assert data_root(None) == Path.home() / ".cache" / "cnnlab"
    monkeypatch.setenv("CNNLAB_DATA", "~/pictures")
    assert data_root(None) == Path.home() / "pictures"
    assert data_root("/elsewhere") == Path("/elsewhere")
