"""ImageNet without ImageNet: what it promises, how folders are split, and what is refused."""

import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from cnnlab.config import schema
from cnnlab.data import ImageNet
from cnnlab.data.loading import load, placement
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


@pytest.mark.parametrize("root", [".", "train", "nowhere"])
def test_missing_folders_are_named_with_what_is_expected(tmp_path: Path, root: str) -> None:
    (tmp_path / "train").mkdir()
    data = ImageNet(root=str(tmp_path / root))
    for use in (data.load, data.ensure_files, partial(data.ensure_files, write=False)):
        with pytest.raises(CnnlabError) as refusal:
            use()
        assert str(refusal.value) == (
            f"data=imagenet is missing or incomplete in {tmp_path / root}: "
            "train has 0 of 1000 class folders\n"
            "expected: ROOT/train/CLASS/*.JPEG and ROOT/val/CLASS/*.JPEG; ROOT is data.root "
            "or $CNNLAB_DATA/imagenet; data=mnist5k needs no files"
        )


def test_missing_files_are_refused_before_the_memory_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "free_memory", lambda _: 1)
    with pytest.raises(CnnlabError, match="missing or incomplete"):
        load.load_images(ImageNet(root=str(tmp_path)))


@pytest.mark.parametrize("flags", [(), ("--plan",)])
def test_missing_files_are_refused_before_a_sweep(cnnlab, tmp_path: Path, flags) -> None:
    (tmp_path / "empty").mkdir()
    words = ["-m", "data=imagenet", "seed=0,1", f"data.root={tmp_path}/empty", "model=mlp"]
    answer = cnnlab("train", *flags, *words, "model.hidden=[4]", "trainer.accelerator=cpu")
    assert answer.code == 2
    assert "train has 0 of 1000 class folders" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_class_without_pictures_is_named(small: Path) -> None:
    for picture in (small / "val" / "n03").iterdir():
        picture.unlink()
    with pytest.raises(CnnlabError, match="val has no picture of class 'n03'"):
        ImageNet(root=str(small), size=8).ensure_files()


def test_the_expected_layout_is_that_of_imagenet(tmp_path: Path) -> None:
    put(tmp_path / "train" / "n01", 10, 0)
    put(tmp_path / "val" / "n01", 10, 0)
    with pytest.raises(ValueError, match="1 class folder found") as refusal:
        ImageNet(root=str(tmp_path))
    assert f"{tmp_path}/train/CLASS/*.JPEG and {tmp_path}/val/CLASS/*.JPEG" in str(refusal.value)


def test_too_few_pictures_are_counted(small: Path) -> None:
    for picture in list((small / "train" / "n03").iterdir())[1:]:
        picture.unlink()
    with pytest.raises(
        CnnlabError, match="has 31 pictures, too few for 8 validation and 32 training"
    ):
        ImageNet(root=str(small)).load()
    assert len(ImageNet(root=str(small), size=8, subset=22).load().train) == 22


def test_all_classes_are_decoded_once_until_they_change(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_last", {})
    first = load.load_images(ImageNet(root=str(small), size=8))
    assert load.load_images(ImageNet(root=str(small), size=8)) is first
    assert load.load_images(ImageNet(root=str(small), size=9)) is not first
    second = load.load_images(ImageNet(root=str(small), size=8))
    changed = small / "val" / "n02" / "01.PNG"
    changed.write_bytes((small / "val" / "n03" / "01.PNG").read_bytes())
    third = load.load_images(ImageNet(root=str(small), size=8))
    assert not torch.equal(second.test.pixels, third.test.pixels)


def test_other_than_1000_classes_are_read_too(tmp_path: Path) -> None:
    for number, name in enumerate(("n01440764", "n02102040", "n03000684")):
        put(tmp_path / "train" / name, 40, number)
        put(tmp_path / "val" / name, 5, number)
    data = schema.build(DATASETS, {"name": "imagenet", "root": str(tmp_path), "size": 8})
    assert data.spec.num_classes == 3
    assert data.spec.class_names == ("n01440764", "n02102040", "n03000684")
    assert (data.num_train, data.num_val, data.num_test) == (104, 16, 15)
    splits = data.load()
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [104, 16, 15]
    for part in (splits.train, splits.val, splits.test):
        assert torch.equal(part.pixels.float().mean((2, 3)).argmax(1), part.labels)
    part = ImageNet(root=str(tmp_path), size=8, subset=9)
    assert part.load().train.labels.bincount().tolist() == [3, 3, 3]
    assert torch.equal(part.load().val.pixels, splits.val.pixels)
    assert part.part_digests()["test"] == data.part_digests()["test"]


def test_other_classes_need_a_test_set(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "train" / f"n{number}", 10, number)
    with pytest.raises(
        ValueError, match="val, which is used as the test set, has no class folders"
    ):
        ImageNet(root=str(tmp_path))
