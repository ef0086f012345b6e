"""ImageNet without ImageNet: what it promises, how folders are split, and what is refused."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from cnnlab.config import schema
from cnnlab.data import ImageNet
from cnnlab.data.sets import imagenet as memory
from cnnlab.registry import DATASETS, CnnlabError

CLASSES = ("n01", "n02", "n03", "n04")
shade = itertools.count()


def put(folder: Path, count: int, channel: int) -> None:
    """Pictures 24 wide and 16 high, each of its own shade of one channel."""
    folder.mkdir(parents=True)
    for i in range(count):
        pixel = [0, 0, 0]
        pixel[channel] = 255 - next(shade) % 100
        Image.new("RGB", (24, 16), tuple(pixel)).save(folder / f"{i:02}.PNG")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four classes of 10 training and 3 official validation pictures in place of 1000 classes."""
    monkeypatch.setattr(ImageNet, "spec", replace(ImageNet.spec, num_classes=len(CLASSES)))
    monkeypatch.setattr(ImageNet, "num_images", 40)
    monkeypatch.setattr(ImageNet, "num_val", 8)
    for number, name in enumerate(CLASSES):
        put(tmp_path / "train" / name, 10, number % 3)
        put(tmp_path / "val" / name, 3, number % 3)
    return tmp_path


def test_the_spec_needs_no_files() -> None:
    data = schema.build(DATASETS, {"name": "imagenet", "size": 227, "root": "/nowhere"})
    assert data.spec.shape == (3, 227, 227)
    assert data.spec.num_classes == 1000
    assert data.num_train == 1_271_167
    assert ImageNet.spec.shape == (3, 224, 224)
    assert ImageNet(subset=5000).num_train == 5000


def test_the_default_root_is_next_to_the_other_data_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNLAB_DATA", "/somewhere")
    assert ImageNet().root == Path("/somewhere/imagenet")
    assert ImageNet(root="~/pictures").root == Path.home() / "pictures"


def test_the_official_validation_images_are_the_test_set(small: Path) -> None:
    splits = ImageNet(root=str(small), size=8).load()
    assert splits.train.labels.bincount().tolist() == [8, 8, 8, 8]
    assert splits.val.labels.bincount().tolist() == [2, 2, 2, 2]
    assert splits.test.labels.bincount().tolist() == [3, 3, 3, 3]
    for part in (splits.train, splits.val, splits.test):
        assert part.pixels.shape == (len(part), 3, 8, 8)
        strongest = part.pixels.float().mean((2, 3)).argmax(1)
        assert torch.equal(strongest, part.labels % 3)
    shades = [set(part.pixels.amax((1, 2, 3)).tolist()) for part in (splits.train, splits.val)]
    assert not shades[0] & shades[1]


def test_a_subset_is_stratified_and_keeps_the_validation_images(small: Path) -> None:
    whole, part = ImageNet(root=str(small), size=8), ImageNet(root=str(small), size=8, subset=12)
    assert part.load().train.labels.bincount().tolist() == [3, 3, 3, 3]
    assert torch.equal(part.load().val.pixels, whole.load().val.pixels)
    assert part.load().digest == part.load().digest != whole.load().digest


def test_missing_folders_are_named_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(CnnlabError) as refusal:
        ImageNet(root=str(tmp_path)).load()
    assert str(refusal.value) == (
        f"ImageNet is missing or incomplete in {tmp_path}: train has 0 of 1000 class folders\n"
        "expected are {train,val}/CLASS/*.JPEG below data.root or CNNLAB_DATA/imagenet; "
        "data=digits needs no files"
    )


def test_too_few_pictures_are_counted(small: Path) -> None:
    for picture in (small / "train" / "n03").iterdir():
        picture.unlink()
    with pytest.raises(CnnlabError, match="has 30 pictures, too few for the 8 of validation and"):
        ImageNet(root=str(small)).load()
    assert len(ImageNet(root=str(small), size=8, subset=22).load().train) == 22


def test_more_than_fits_is_refused_before_it_is_read(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for picture in small.rglob("*.PNG"):
        picture.write_bytes(b"")  # whoever reads one fails otherwise
    monkeypatch.setattr("cnnlab.data.sets.imagenet.free_memory", lambda: 1_000_000)
    with pytest.raises(CnnlabError) as refusal:
        ImageNet(root=str(small)).load()
    assert str(refusal.value) == (
        "52 images of 224x224x3 take 0.0 GB of memory and 0.0 GB are free\n"
        "set a data.size below 224; validation and test images alone are 20"
    )


def test_the_largest_subset_that_fits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnlab.data.sets.imagenet.free_memory", lambda: 32 * 10**9)
    data = ImageNet()
    with pytest.raises(CnnlabError) as refusal:
        data._check_memory(60_000)
    assert str(refusal.value) == (
        "1,331,167 images of 224x224x3 take 200.4 GB of memory and 32.0 GB are free\n"
        "set data.subset=131326 or less, or a data.size below 224; "
        "validation and test images alone are 60,000"
    )
    ImageNet(subset=131_326)._check_memory(60_000)
    ImageNet(size=32)._check_memory(60_000)


def test_free_memory_is_what_linux_calls_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP_LIMIT", tmp_path / "memory.max")
    (tmp_path / "meminfo").write_text("MemTotal: 90 kB\nMemFree: 10 kB\nMemAvailable:   50 kB\n")
    assert memory.free_memory() == 50 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory() == 50 * 1024
    (tmp_path / "memory.max").write_text("4096\n")
    assert memory.free_memory() == 4096
    (tmp_path / "meminfo").unlink()
    assert memory.free_memory() is None or memory.free_memory() > 2**28
