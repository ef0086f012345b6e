"""One check of memory for all data sets, and one decoding for all the jobs of a process."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data import CIFAR10, MNIST, Digits, Folder, ImageNet, Synthetic
from cnnlab.data.dataset import ImageDataset, Splits
from cnnlab.data.loading import load
from cnnlab.registry import CnnlabError

GB = 10**9


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    """Bytes that are free, by kind of device."""
    found: dict[str, int | None] = {"cpu": 32 * GB, "cuda": 8 * GB}
    monkeypatch.setattr(load, "free_memory", lambda device: found[torch.device(device).type])
    return found


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    load._last.clear()
    yield
    load._last.clear()


def refusal(dataset: ImageDataset, device: str = "cpu", processes: int = 1) -> str:
    with pytest.raises(CnnlabError) as refused:
        load.check_memory(dataset, device, processes=processes)
    return str(refused.value)


def test_what_does_not_fit_is_refused_with_what_would(free: dict[str, int | None]) -> None:
    data = ImageNet()
    assert refusal(data) == (
        "1,331,167 images of 224x224x3 take 200.4 GB of memory, but only 32.0 GB is free here: "
        "set data.size=84 or less or data.subset=131326 or less (batch_size makes no difference)"
    )
    load.check_memory(ImageNet(subset=131_326))
    load.check_memory(ImageNet(size=84))
    free["cpu"] = None
    load.check_memory(data)


def test_a_gpu_has_a_memory_of_its_own(free: dict[str, int | None]) -> None:
    data = ImageNet(subset=60_000)
    load.check_memory(data)
    assert "18.1 GB of memory, but only 8.0 GB is free on the GPU" in refusal(data, "cuda")
    free["cuda"] = 64 * GB
    load.check_memory(data, "cuda")


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
    assert "60,100 images" in refusal(ImageNet(subset=100))  # others are not decoded
    free["cuda"] = 10**6
    assert "16,000 images of 32x32x3 take" in refusal(CIFAR10(subset=1000), "cuda")


def test_each_process_has_a_copy(free: dict[str, int | None]) -> None:
    data = Synthetic(num_train=10_000, num_val=1, num_test=1, size=224)
    free["cpu"] = 2 * GB
    load.check_memory(data)
    assert "4 copies at a time" in refusal(data, processes=2)


def put(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.RandomState(seed)
    for i in range(count):
        pixels = random.randint(0, 255, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    put(tmp_path / "cat", 12, 0)
    put(tmp_path / "dog", 12, 1)
    return tmp_path


def test_nothing_is_decoded_of_what_does_not_fit(
    pictures: Path, free: dict[str, int | None]
) -> None:
    for file in pictures.rglob("*.png"):
        file.write_bytes(b"")  # whoever reads one fails otherwise
    free["cpu"] = 1000
    with pytest.raises(CnnlabError, match=r"24 images of 64x64x3 take 0\.3 MB of memory"):
        load.load_images(Folder(root=str(pictures)))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Folder]:
    """The data sets that were decoded, in their order."""
    sets: list[Folder] = []
    original = Folder.load

    def counted(self: Folder) -> Splits:
        sets.append(self)
        return original(self)

    monkeypatch.setattr(Folder, "load", counted)
    return sets


def test_pictures_are_decoded_once_until_they_change(pictures: Path, loaded: list[Folder]) -> None:
    root = str(pictures)
    first = load.load_images(Folder(root=root, size=8))
    assert load.load_images(Folder(root=root, size=8)) is first
    assert len(loaded) == 1
    assert load.load_images(Folder(root=root, size=9)).train.pixels.shape[2] == 9
    load.load_images(Folder(root=root, size=9, proportions="squeeze"))
    assert len(loaded) == 3
    image = next((pictures / "cat").iterdir())
    image.write_bytes(next((pictures / "dog").iterdir()).read_bytes())
    load.load_images(Folder(root=root, size=9, proportions="squeeze"))
    assert len(loaded) == 4
    assert len(load._last) == 1


def test_a_refusal_is_kept_for_the_next_job(pictures: Path, loaded: list[Folder]) -> None:
    broken = pictures / "cat" / "3.png"
    whole = broken.read_bytes()
    broken.write_bytes(b"no picture")
    for _ in range(3):
        with pytest.raises(CnnlabError, match=r"cannot read the picture .*cat/3\.png"):
            load.load_images(Folder(root=str(pictures), size=8))
    assert len(loaded) == 1
    broken.write_bytes(whole)
    assert len(load.load_images(Folder(root=str(pictures), size=8)).train) > 0
    assert len(loaded) == 2


def test_everybodys_images_are_not_kept() -> None:
    assert load.load_images(Digits()) is not load.load_images(Digits())
    assert not load._last


def test_the_device_that_holds_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert load.accelerator_device("auto") == torch.device("cuda", 1)
    assert load.accelerator_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load.accelerator_device("auto") == torch.device("cpu")
