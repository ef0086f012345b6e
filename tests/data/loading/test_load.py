"""Images of a data set are loaded, and for all the jobs of a process decoded once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data import Digits, Folder
from cnnlab.data.dataset import Splits
from cnnlab.data.loading import load, placement
from cnnlab.data.packing.images import PackedImages
from cnnlab.registry import CnnlabError


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    load._last.clear()
    yield
    load._last.clear()


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


def test_pictures_that_do_not_fit_into_memory_are_packed(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "data"))
    held = load.load_images(Folder(root=str(pictures), size=8)).train
    monkeypatch.setattr(placement, "free_memory", lambda _: 1000)
    load._last.clear()
    splits = load.load_images(Folder(root=str(pictures), size=8))
    assert isinstance(splits.train, PackedImages)
    assert splits.streamed  # the file, too, is larger than memory
    assert torch.equal(splits.train.pixels, held.pixels)


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
