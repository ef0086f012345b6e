"""Where images are held, by fake numbers of free memory."""

import pytest
import torch

from cnnlab.data import CIFAR10, MNIST, Digits, ImageNet, Synthetic
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading import placement
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.placement import Placement, place
from cnnlab.registry import CnnlabError

GB = 10**9


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    """Bytes that are free, by kind of device."""
    found: dict[str, int | None] = {"cpu": 32 * GB, "cuda": 8 * GB}
    monkeypatch.setattr(placement, "free_memory", lambda device: found[torch.device(device).type])
    return found


def refusal(dataset: ImageDataset, processes: int = 1) -> str:
    with pytest.raises(CnnlabError) as refused:
        place(dataset, processes=processes)
    return str(refused.value)


def test_what_neither_fits_nor_can_be_packed_is_refused_with_what_would(
    free: dict[str, int | None],
) -> None:
    data = Synthetic(num_train=10**6, num_val=1, num_test=1, size=224, channels=3)
    assert refusal(data) == (
        "1,000,002 images of 224x224x3, 2 copies at a time, take 301.1 GB of memory, but only "
        "32.0 GB is free here: set data.size=69 or less (batch_size makes no difference)"
    )
    free["cpu"] = None
    place(data)


def test_of_every_data_set(free: dict[str, int | None]) -> None:
    free["cpu"] = 10**6
    assert "70,000 images of 28x28x1, 2 copies at a time, take 0.1 GB" in refusal(MNIST())
    assert "data.size=" in refusal(Synthetic(size=64))
    assert "data.subset" not in refusal(Synthetic(size=64))  # all are generated first
    assert "1,797 images" in refusal(Digits())


def test_a_subset_of_what_is_read_as_a_whole(free: dict[str, int | None]) -> None:
    free["cpu"] = 10**6
    assert "60,000 images of 32x32x3, 2 copies at a time" in refusal(CIFAR10(subset=1000))
    assert "1,797 images" in refusal(Digits(subset=10))
    assert "1,400 images" in refusal(Synthetic(subset=10))


def test_each_process_has_a_copy(free: dict[str, int | None]) -> None:
    data = Synthetic(num_train=10_000, num_val=1, num_test=1, size=224)
    free["cpu"] = 2 * GB
    place(data)
    assert "4 copies at a time" in refusal(data, processes=2)


def test_imagenet_is_packed_and_read_from_the_file_where_it_is_larger_than_memory(
    free: dict[str, int | None],
) -> None:
    free["cpu"] = 64 * GB
    assert place(ImageNet(), processes=8) == Placement(packed=True, streamed=True)  # 200 GB
    assert place(ImageNet(size=64)) == Placement(packed=True, streamed=False)  # 16 GB
    crops = Augment(random_resized_crop=(0.08, 1.0))
    assert ImageNet(augment=crops).stored_features == int(256**2 * 1.4) * 3
    assert place(ImageNet(augment=crops, subset=100_000)).streamed is False  # 44 GB
    assert place(ImageNet(augment=crops, subset=200_000)).streamed is True  # 72 GB


def test_a_gpu_gets_what_fits_beside_the_training(free: dict[str, int | None]) -> None:
    data = Synthetic(num_train=100_000, num_val=1, num_test=1, size=224)  # 5.0 GB
    assert place(data, "cuda") == Placement(packed=False, streamed=True)  # of 8 GB
    free["cuda"] = 10 * GB
    assert place(data, "cuda") == Placement(packed=False, streamed=False)
    free["cuda"] = None
    assert not place(data, "cuda").streamed
