"""data=folder and data=imagenet from packs: the same images, decoded once for all."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import center_crop

from cnnlab.data import Folder, ImageNet, scan
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.normalise import Normalise
from cnnlab.data.packing.cache import pack_path
from cnnlab.data.packing.images import PackedImages
from cnnlab.data.packing.pack_file import Pack, Stored, open_pack
from cnnlab.data.picture import read_picture, read_whole
from cnnlab.data.scan import name_from
from cnnlab.data.sets import folder, imagenet
from cnnlab.training import data_init

CROPS = Augment(random_resized_crop=(0.08, 1.0))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train and val of two classes, 20 and 5 smooth pictures each, of which packs are beside."""
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "data"))
    for module in (folder, imagenet):
        monkeypatch.setattr(module, "MANY", 10)
    random = np.random.RandomState(0)
    for part, count in (("train", 20), ("val", 5)):
        for i in range(2 * count):
            path = tmp_path / "photos" / part / "ab"[i % 2] / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(random.randint(0, 255, (4, 5, 3), dtype=np.uint8))
            size = (60, 48) if i % 3 else (48, 64)
            coarse.resize(size, Image.Resampling.BICUBIC).save(path)
    return tmp_path / "photos"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    paths: list[Path] = []
    original = Stored.read

    def noted(self: Stored, path: Path) -> np.ndarray:
        paths.append(path)
        return original(self, path)

    monkeypatch.setattr(Stored, "read", noted)
    return paths


@pytest.mark.parametrize("name", ["folder", "folder, squeeze, grey", "imagenet"])
def test_many_pictures_are_packed_and_are_the_same(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> Folder | ImageNet:
        if name == "imagenet":
            return ImageNet(root=str(root), size=16)
        options = {"proportions": "squeeze", "channels": 1} if "squeeze" in name else {}
        return Folder(root=str(root), size=16, **options)

    packed = build().load()
    assert isinstance(packed.train, PackedImages)
    with monkeypatch.context() as patch:
        for module in (folder, imagenet):
            patch.setattr(module, "MANY", 1000)
        held = build().load()
    assert not isinstance(held.train, PackedImages)
    for part in ("train", "val", "test"):
        one, other = getattr(packed, part), getattr(held, part)
        assert torch.equal(one.pixels, other.pixels)
        assert torch.equal(one.labels, other.labels)
        chosen = torch.tensor([1, 0])
        assert torch.equal(one.select(chosen).pixels, other.select(chosen).pixels)
    assert packed.digest == held.digest


def test_a_subset_is_taken_from_the_pack_of_all(root: Path, decoded: list[Path]) -> None:
    few = Folder(root=str(root), size=16, subset=4)
    assert len(few.load().train) == 4
    assert len(decoded) == 4 + few.num_val + few.num_test
    decoded.clear()
    Folder(root=str(root), size=16).load()
    assert len(decoded) == 50
    again = Folder(root=str(root), size=16, subset=6).load()
    assert len(again.train) == 6
    assert len(decoded) == 50


def test_the_folder_that_one_is_in_has_the_same_names(
    root: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Folder(root=str(root), size=16).load()
    decoded.clear()
    monkeypatch.chdir(root)
    here = Folder(root=".", size=16).load()
    assert decoded == []
    assert here.digest == expected.digest
    assert torch.equal(here.train.pixels, expected.train.pixels)
    names = [name_from(Path(), Path(name)) for name in ("0/a.png", "1/a.png")]
    assert names == ["0/a.png", "1/a.png"]


def test_the_centre_of_whole_pictures_is_evaluated(root: Path) -> None:
    data = Folder(root=str(root), size=28, augment=CROPS)
    assert data.stored == Stored("whole", 32, 3)
    splits = data.load()
    for image, (path, _) in zip(splits.test.pixels, data.parts["test"], strict=True):
        whole = torch.from_numpy(read_whole(path, 32, 3)).permute(2, 0, 1)
        assert torch.equal(image, center_crop(whole, [28, 28]))
        near = read_picture(path, 28, 3, 28 / 32)  # 7/8 of the shorter side, at once
        assert (image.int() - near.int()).abs().float().mean() < 6  # at most half a pixel apart
    assert Folder(root=str(root), size=28, augment=CROPS, resize=40).stored.size == 40
    assert ImageNet(root=str(root), size=224, augment=CROPS).stored == Stored("whole", 256, 3)
    assert ImageNet(root=str(root), size=224).stored == Stored("crop", 224, 3)


def test_a_second_start_opens_no_picture(
    root: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Folder(root=str(root), size=16)
    data.load()
    digests = data.part_digests()
    decoded.clear()
    monkeypatch.setattr(scan, "_known", {})  # as in another process
    opened: list[str] = []

    def noted(path: str, *arguments: object, **options: object) -> object:
        opened.append(path)
        return open(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(scan, "open", noted, raising=False)
    again = Folder(root=str(root), size=16)
    assert again.part_digests() == digests
    again.load()
    assert opened == decoded == []
    changed = root / "train" / "a" / "00.png"
    Image.new("RGB", (60, 48), "red").save(changed)
    third = Folder(root=str(root), size=16)
    assert third.part_digests()["train"] != digests["train"]
    assert third.part_digests()["test"] == digests["test"]
    assert third.load().train.pixels[0, :, 0, 0].tolist() == [255, 0, 0]
    assert decoded == [changed]


def test_initial_weights_read_the_first_pictures_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Layer(torch.nn.Module):
        def init_from_images(self, images: torch.Tensor) -> None:
            self.images = images

    monkeypatch.setattr(data_init, "NUM_IMAGES", 3)
    data, layer = Folder(root=str(root), size=16), Layer()
    train = data.load().train
    data_init.init_from_images(layer, train, data.spec, torch.device("cpu"))
    assert "pixels" not in vars(train)  # of which it keeps all
    assert torch.equal(layer.images, Normalise(data.spec)(train.pixels[:3]))


def test_pictures_are_read_ahead(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = Folder(root=str(root), size=28, augment=CROPS).load()
    splits.train.will_need(torch.arange(6).view(2, 3))
    rows: list[int] = []
    monkeypatch.setattr(Pack, "will_need", lambda _, needed: rows.extend(needed))
    splits.train.will_need(torch.tensor([[2, 0]]))
    assert rows == splits.train.rows[[2, 0]].tolist()
    found = open_pack(pack_path(root, Stored("whole", 32, 3)))
    assert len(found) == 50
