"""Data files that are not where or what they should be: what was found, what is missing."""

import gzip
import hashlib
import pickle
import struct
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torchvision.datasets.cifar
import torchvision.datasets.mnist

from cnnlab import data
from cnnlab.data.files import published
from cnnlab.data.files.published import Published, md5_of
from cnnlab.registry import CnnlabError

NAMES = tuple(data.MNIST.files)
MNIST = {
    name: struct.pack(">BBBBI", 0, 0, 8, 1, 1000) + bytes([i]) * 1000
    for i, name in enumerate(NAMES)
}
CIFAR = {name: pickle.dumps([name] * 100) for name in data.CIFAR10.files}


def known(contents: dict[str, bytes]) -> dict[str, Published]:
    return {name: Published(hashlib.md5(c).hexdigest(), len(c)) for name, c in contents.items()}


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files in the place of the published ones, and no network."""

    def fail(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    for module in (torchvision.datasets.mnist, torchvision.datasets.cifar):
        monkeypatch.setattr(module, "download_and_extract_archive", fail)
    monkeypatch.setattr(urllib.request, "urlopen", fail)
    monkeypatch.setattr(data.MNIST, "files", known(MNIST))
    monkeypatch.setattr(data.CIFAR10, "files", known(CIFAR))
    monkeypatch.setattr(data.FashionMNIST, "files", known({n: c + b"!" for n, c in MNIST.items()}))


def put(folder: Path, contents: dict[str, bytes] = MNIST, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        file = folder / (f"{name}.gz" if packed else name)
        file.write_bytes(gzip.compress(content) if packed else content)
    return folder


def refusal(dataset: data.MNIST, write: bool) -> list[str]:
    before = sorted(dataset.root.parent.rglob("*"))
    with pytest.raises(CnnlabError) as refused:
        dataset.ensure_files(write=write)
    assert sorted(dataset.root.parent.rglob("*")) == before  # nothing was written
    lines = str(refused.value).split("\n")
    assert len(lines) == 2
    return [line.replace(str(dataset.root), "ROOT") for line in lines]


TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = NAMES


def absent(root: Path) -> None:
    root.rmdir()


def a_file(root: Path) -> None:
    root.rmdir()
    root.write_bytes(b"")


def something_else(root: Path) -> None:
    (root / "photos").mkdir()


def flat(root: Path) -> None:
    put(root)


def without_raw(root: Path) -> None:
    put(root / "MNIST")


def one_above(root: Path) -> None:
    put(root / "sets" / "MNIST" / "raw")


def cut(root: Path) -> None:
    (put(root / "MNIST/raw") / TRAIN).write_bytes(b"cut")


def none_in_it(root: Path) -> None:
    (put(root / "MNIST/raw") / TRAIN).write_bytes(b"")


def other_bytes(root: Path) -> None:
    (put(root / "MNIST/raw") / TRAIN).write_bytes(MNIST[TRAIN][:-1] + b"?")


def longer(root: Path) -> None:
    (put(root / "MNIST/raw") / TRAIN).write_bytes(MNIST[TRAIN] + b"?")


def in_part(root: Path) -> None:
    (put(root / "MNIST/raw") / TEST_LABELS).unlink()


def a_folder(root: Path) -> None:
    (put(root / "MNIST/raw") / TEST).unlink()
    (root / "MNIST/raw" / TEST).mkdir()


def a_dangling_link(root: Path) -> None:
    (put(root / "MNIST/raw") / TEST).unlink()
    (root / "MNIST/raw" / TEST).symlink_to("nowhere")


def of_another_set(root: Path) -> None:
    put(root / "MNIST/raw", {name: c + b"!" for name, c in MNIST.items()})


def damaged_archives(root: Path) -> None:
    put(root / "MNIST/raw", packed=True)
    (root / "MNIST/raw" / f"{TRAIN}.gz").write_bytes(gzip.compress(MNIST[TRAIN])[:20])


def a_damaged_archive_in_the_root(root: Path) -> None:
    (root / f"{TRAIN}.gz").write_bytes(gzip.compress(MNIST[TRAIN])[:20])


def other_archives(root: Path) -> None:
    put(root / "MNIST/raw", {TRAIN: b"another"}, packed=True)


def other_names(root: Path) -> None:
    put(root / "MNIST/raw", {n.replace("-idx", ".idx"): c for n, c in MNIST.items()})


FAULTS: list[tuple[Callable[[Path], None], str, str]] = [
    (
        absent,
        "no files in ROOT (no such folder), download failed (no network in tests)",
        "expected",
    ),
    (lambda _: None, "no files in ROOT (it is empty), download failed", "MNIST/raw/{train,t10k}-"),
    (
        something_else,
        "no files in ROOT (it has photos), download failed",
        "data=mnist5k needs no files",
    ),
    (
        a_file,
        "ROOT is a file",
        "data.root (or $CNNLAB_DATA) must be the folder that contains MNIST/raw",
    ),
    (flat, "all 4 files are in ROOT", "move them to ROOT/MNIST/raw"),
    (without_raw, "all 4 files are in ROOT/MNIST", "move them to ROOT/MNIST/raw"),
    (one_above, "all 4 files are in ROOT/sets/MNIST/raw", "give data.root=ROOT/sets"),
    (cut, f"3 of 1,008 bytes: {TRAIN}", "in ROOT/MNIST/raw; download failed (no network in tests)"),
    (none_in_it, f"empty: {TRAIN}", "in ROOT/MNIST/raw; download failed (no network in tests)"),
    (other_bytes, f"not as published (md5): {TRAIN}", "move or delete these files"),
    (longer, f"1,009 bytes, not 1,008: {TRAIN}", "move or delete these files"),
    (in_part, f"is incomplete: missing: {TEST_LABELS}", "in ROOT/MNIST/raw; download failed"),
    (a_folder, f"a folder: {TEST}", "move or delete these files"),
    (a_dangling_link, f"missing: {TEST}", "in ROOT/MNIST/raw; download failed"),
    (of_another_set, f"1,009 bytes, not 1,008: {TRAIN}", "move or delete these files"),
    (damaged_archives, f"damaged: {TRAIN}.gz (EOFError); missing: {TRAIN}", "in ROOT/MNIST/raw"),
    (
        a_damaged_archive_in_the_root,
        f"damaged: ROOT/{TRAIN}.gz (EOFError); missing: ",
        "download failed",
    ),
    (other_archives, f"not as published: {TRAIN}.gz; missing: ", "in ROOT/MNIST/raw"),
    (other_names, "rename train-images.idx3-ubyte to train-images-idx3-ubyte", "in ROOT/MNIST/raw"),
]


@pytest.mark.parametrize("write", [False, True], ids=["plan", "train"])
@pytest.mark.parametrize(("make", "first", "second"), FAULTS)
def test_each_fault_is_named(
    tmp_path: Path, make: Callable[[Path], None], first: str, second: str, write: bool
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    make(root)
    if make is damaged_archives and write:
        return  # the others are unpacked, which is tested below
    lines = refusal(data.MNIST(root=str(root)), write)
    assert lines[0].startswith("data=mnist")
    assert first in lines[0]
    assert second in lines[1]
    assert max(map(len, lines)) <= 130


def test_a_root_that_is_too_deep(tmp_path: Path) -> None:
    place = put(tmp_path / "sets" / "MNIST" / "raw")
    for root in (place, place.parent):
        with pytest.raises(CnnlabError) as refused:
            data.MNIST(root=str(root)).ensure_files()
        assert str(refused.value).split("\n") == [
            f"data=mnist: the files are in {place}",
            f"give the folder above MNIST/raw: data.root={tmp_path / 'sets'}",
        ]


def test_the_set_of_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.FashionMNIST, "files", known({n: c[::-1] for n, c in MNIST.items()}))
    root = put(tmp_path / "FashionMNIST/raw").parents[1]
    with pytest.raises(
        CnnlabError, match=f"data=fashion_mnist: belongs to MNIST: {TRAIN} and 3 more"
    ):
        data.FashionMNIST(root=str(root)).ensure_files()


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = put(tmp_path / "MNIST/raw").parents[1]

    def refuse(path: Path, *_: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(published, "_md5", refuse)
    with pytest.raises(CnnlabError, match=r"cannot be read \(Permission denied\): train-images"):
        data.MNIST(root=str(root)).ensure_files()


@pytest.mark.parametrize("where", [".", "MNIST/raw"])
def test_archives_are_unpacked(tmp_path: Path, where: str) -> None:
    put(tmp_path / where, packed=True)
    dataset = data.MNIST(root=str(tmp_path))
    dataset.ensure_files(write=False)
    place = tmp_path / "MNIST/raw"
    assert not list(tmp_path.rglob("*ubyte"))
    dataset.ensure_files()
    assert {name: (place / name).read_bytes() for name in NAMES} == MNIST
    assert not [file for file in place.iterdir() if file.name.startswith(".")]


def test_an_archive_of_many_files_is_unpacked(tmp_path: Path) -> None:
    put(tmp_path / "source", CIFAR)
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "source", "cifar-10-batches-py")
        archive.add(tmp_path / "source" / "test_batch", "../../outside")
    data.CIFAR10(root=str(root)).ensure_files(write=False)
    data.CIFAR10(root=str(root)).ensure_files()
    place = root / "cifar-10-batches-py"
    assert {file.name: file.read_bytes() for file in place.iterdir()} == CIFAR
    assert sorted(p.name for p in tmp_path.iterdir()) == ["root", "source"]


def test_a_cut_file_is_replaced_from_its_archive(tmp_path: Path) -> None:
    place = put(tmp_path / "MNIST/raw")
    put(place, packed=True)
    (place / TRAIN).write_bytes(b"cut")
    data.MNIST(root=str(tmp_path)).ensure_files()
    assert (place / TRAIN).read_bytes() == MNIST[TRAIN]


def test_a_whole_file_of_other_content_is_never_overwritten(tmp_path: Path) -> None:
    place = put(tmp_path / "MNIST/raw")
    put(place, packed=True)
    own = MNIST[TRAIN][::-1]
    (place / TRAIN).write_bytes(own)
    with pytest.raises(CnnlabError, match="not as published"):
        data.MNIST(root=str(tmp_path)).ensure_files()
    assert (place / TRAIN).read_bytes() == own


def test_a_file_is_hashed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    first = md5_of(file)
    assert first == hashlib.md5(b"one").hexdigest()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert md5_of(file) == first
    monkeypatch.undo()
    file.write_bytes(b"other")
    assert md5_of(file) == hashlib.md5(b"other").hexdigest()
