"""torchvision's sets, read from small files of the same formats; nothing here meets a network."""

import pickle
import struct
import subprocess
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets
import torchvision.datasets.cifar
import torchvision.datasets.mnist

from cnnlab import data
from cnnlab.data.files.published import Published
from cnnlab.data.loading.augment import Augment
from cnnlab.registry import CnnlabError

RANDOM = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    for module in (torchvision.datasets.mnist, torchvision.datasets.cifar):
        monkeypatch.setattr(module, "download_and_extract_archive", fail)


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    """MNIST's format: two zeros, 8 for bytes, the number of axes, their lengths, the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_mnist(folder: Path, train: int = 60) -> np.ndarray[Any, Any]:
    images = RANDOM.randint(0, 256, (train, 28, 28))
    write_idx(folder / "train-images-idx3-ubyte", images)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(train) % 10)
    write_idx(folder / "t10k-images-idx3-ubyte", images[:20] // 2)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.arange(20) % 10)
    return images


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (data.MNIST, data.CIFAR10):
        monkeypatch.setattr(cls, "num_images", 60)
        monkeypatch.setattr(cls, "num_val", 10)
    for cls in (data.MNIST, data.FashionMNIST, data.KMNIST):
        monkeypatch.setattr(cls, "files", dict.fromkeys(cls.files, Published()))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist_family(tmp_path: Path, name: str) -> None:
    images = write_mnist(tmp_path / name / "raw")
    dataset = getattr(data, name)(root=str(tmp_path))
    assert not dataset.needs_download()
    assert getattr(data, name)(root=str(tmp_path / "empty")).needs_download()
    splits = dataset.load()
    assert (dataset.num_train, len(splits.val), len(splits.test)) == (50, 10, 20)
    assert splits.train.pixels.shape == (50, 1, 28, 28)
    assert splits.train.labels.bincount().tolist() == [5] * 10
    assert splits.val.labels.bincount().tolist() == [1] * 10
    assert np.array_equal(splits.test.pixels[:, 0], images[:20] // 2)
    both = torch.cat([splits.train.pixels, splits.val.pixels])[:, 0].numpy()
    assert sorted(map(bytes, both)) == sorted(map(bytes, images.astype(np.uint8)))


def write_cifar(folder: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> np.ndarray[Any, Any]:
    """Pickles as CIFAR's, one training batch; their checksums are not asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = RANDOM.randint(0, 256, (60, 3072)).astype(np.uint8)
    for name, part in (("train", rows), ("test", rows[:20])):
        batch = {"data": part, key: [i % 10 for i in range(len(part))]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "meta").write_bytes(pickle.dumps({"label_names": [], "fine_label_names": []}))
    for ours in (data.CIFAR10, data.CIFAR100):
        monkeypatch.setattr(ours, "files", dict.fromkeys(("train", "test", "meta"), Published()))
    for cls, names in (
        (torchvision.datasets.CIFAR10, "label_names"),
        (torchvision.datasets.CIFAR100, "fine_label_names"),
    ):
        monkeypatch.setattr(cls, "train_list", [["train", None]])
        monkeypatch.setattr(cls, "test_list", [["test", None]])
        monkeypatch.setattr(cls, "meta", {"filename": "meta", "key": names, "md5": None})
    return rows


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("name", "key"), [("CIFAR10", "labels"), ("CIFAR100", "fine_labels")])
def test_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    cls = getattr(data, name)
    rows = write_cifar(tmp_path / cls.folder, monkeypatch, key)
    dataset = cls(root=str(tmp_path), subset=20)
    splits = dataset.load()
    assert (dataset.num_train, len(splits.val), len(splits.test)) == (20, 10, 20)
    assert splits.train.labels.bincount().tolist() == [2] * 10
    # A row holds 1024 red, 1024 green, 1024 blue values: channels first, row by row.
    assert np.array_equal(splits.test.pixels, rows[:20].reshape(20, 3, 32, 32))
    assert splits.train.pixels.is_contiguous()


def test_cifar_is_cropped_and_flipped_by_default() -> None:
    assert data.CIFAR10().augment == data.CIFAR100().augment == Augment(crop=4, flip=True)
    assert data.CIFAR10(augment=Augment()).augment == Augment()
    assert data.MNIST().augment == Augment()


def test_sizes_are_known_before_any_file_is_there() -> None:
    assert data.MNIST().num_train == 55_000
    assert data.CIFAR10(subset=1000).num_train == 1000
    assert data.CIFAR100.spec.num_classes == len(data.CIFAR100.spec.class_names) == 100
    with pytest.raises(ValueError, match="subset=45001: there are 45000 training images"):
        data.CIFAR10(subset=45_001)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100"])
def test_absent_and_no_network(tmp_path: Path, name: str) -> None:
    dataset = getattr(data, name)(root=str(tmp_path / "new" / "root"))
    with pytest.raises(CnnlabError) as refusal:
        dataset.load()
    first, second = str(refusal.value).split("\n")
    assert str(tmp_path / "new" / "root") in first
    assert "no network in tests" in first
    assert f"{dataset.folder}/{dataset.layout}" in second
    assert "data=mnist5k" in second
    assert list(tmp_path.iterdir()) == []  # no half-made folder stays


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100"])
def test_the_layout_names_all_files(name: str) -> None:
    cls = getattr(data, name)
    names = subprocess.check_output(["bash", "-c", f"echo {cls.layout}"], text=True).split()
    assert sorted(names) == sorted(cls.files)


def test_our_files_are_torchvisions() -> None:
    originals = torchvision.datasets
    for name in ("CIFAR10", "CIFAR100"):
        ours, theirs = getattr(data, name), getattr(originals, name)
        listed = [file for file, _ in theirs.train_list + theirs.test_list]
        assert ours.folder == theirs.base_folder
        assert sorted(ours.files) == sorted([*listed, theirs.meta["filename"]])
        published = {file: md5 for file, (md5, _) in ours.files.items()}
        meta = {theirs.meta["filename"]: theirs.meta["md5"]}
        assert published == dict(theirs.train_list + theirs.test_list) | meta
        assert ours.archives == (theirs.filename,)
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        ours, theirs = getattr(data, name), getattr(originals, name)
        assert sorted(ours.files) == sorted(
            file.removesuffix(".gz") for file, _ in theirs.resources
        )
        assert sorted(ours.archives) == sorted(file for file, _ in theirs.resources)
        assert ours.folder == f"{name}/raw"


@pytest.mark.usefixtures("small")
def test_damaged_files_are_refused(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    write_mnist(raw)
    (raw / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03 cut short")
    with pytest.raises(CnnlabError, match="incomplete"):
        data.MNIST(root=str(tmp_path)).load()
    write_mnist(raw, train=59)
    with pytest.raises(CnnlabError, match="incomplete"):
        data.MNIST(root=str(tmp_path)).load()
    assert {path.name for path in tmp_path.rglob("*")} == {"MNIST", "raw", *data.MNIST.files}


@pytest.mark.usefixtures("small")
def test_a_download_is_complete_and_replaces_damaged_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(self: torchvision.datasets.MNIST) -> None:
        write_mnist(Path(self.raw_folder))
        Path(self.raw_folder, "train-images-idx3-ubyte.gz").write_bytes(b"the archive")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
    splits = data.MNIST(root=str(tmp_path / "root")).load()
    assert len(splits.train) == 50
    assert sorted(p.name for p in raw.iterdir()) == sorted(data.MNIST.files)
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["MNIST"]


def test_a_read_only_root_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("where a folder should be")
    with pytest.raises(CnnlabError, match="cannot be downloaded"):
        data.MNIST(root=str(file)).load()


def test_images_of_kmnist_are_known_by_their_sizes_alone() -> None:
    for name, published in data.KMNIST.files.items():
        assert (published.md5 is None) == ("images" in name)
        assert published.size == data.MNIST.files[name].size
