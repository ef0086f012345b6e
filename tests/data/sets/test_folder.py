import itertools
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cnnlab.data import Folder, notes
from cnnlab.data.scan import scanned_once
from cnnlab.registry import CnnlabError

shade = itertools.count(1)


def put(folder: Path, count: int, colour: str = "red", suffix: str = ".png") -> None:
    """Write small pictures, every one of its own colour."""
    folder.mkdir(parents=True, exist_ok=True)
    channel = ("red", "green", "blue").index(colour)
    for i in range(count):
        pixel = [0, 0, 0]
        pixel[channel] = 255 - next(shade) % 100
        Image.new("RGB", (12, 9), tuple(pixel)).save(folder / f"{i:03}{suffix}")


def names(part: list[tuple[Path, int]]) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path, _ in part}


def test_class_folders_alone_are_split_about_70_15_15_by_class(tmp_path: Path) -> None:
    put(tmp_path / "cat", 20, "red", ".JPG")
    put(tmp_path / "dog", 40, "green")
    data = Folder(root=str(tmp_path), size=8)
    assert data.num_train == 13 + 29
    assert data.spec.class_names == ("cat", "dog")
    assert data.spec.shape == (3, 8, 8)
    splits = data.load()
    assert splits.train.labels.bincount().tolist() == [13, 29]
    assert splits.val.labels.bincount().tolist() == [5, 6]
    assert splits.test.labels.bincount().tolist() == [2, 5]
    parts = [names(data.parts[part]) for part in ("train", "val", "test")]
    assert len(set.union(*parts)) == 60
    reds = splits.train.pixels[:, 0].float().mean((1, 2)) > 100
    assert torch.equal(reds, splits.train.labels == 0)


def test_three_pictures_go_one_to_each_part(tmp_path: Path) -> None:
    put(tmp_path / "a", 3)
    put(tmp_path / "b", 100)
    data = Folder(root=str(tmp_path))
    for part in ("train", "val", "test"):
        assert sum(label == 0 for _, label in data.parts[part]) == 1


def test_three_existing_parts_are_kept(tmp_path: Path) -> None:
    for part, count in (("train", 5), ("valid", 3), ("test", 2)):
        put(tmp_path / part / "a", count)
        put(tmp_path / part / "b", count)
    splits = Folder(root=str(tmp_path), size=4).load()
    assert [len(p) for p in (splits.train, splits.val, splits.test)] == [10, 6, 4]


def test_val_is_split_off_train_if_only_test_exists(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / "train" / name, 20)
        put(tmp_path / "test" / name, 7)
    data = Folder(root=str(tmp_path))
    assert [len(data.parts[p]) for p in ("train", "val", "test")] == [35, 5, 14]
    assert {path.parts[-3] for path, _ in data.parts["test"]} == {"test"}
    assert {path.parts[-3] for path, _ in data.parts["val"]} == {"train"}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train"):
        put(tmp_path / name, 3)
    assert Folder(root=str(tmp_path)).spec.class_names == ("bus", "train")


def test_hidden_and_other_files_do_not_count(tmp_path: Path) -> None:
    put(tmp_path / "a", 4)
    put(tmp_path / "b" / "deeper", 4)
    put(tmp_path / ".thumbnails", 4)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / "._000.png").write_bytes(b"what macOS leaves behind")
    data = Folder(root=str(tmp_path))
    assert data.spec.num_classes == 2
    assert data.num_train == 4


def test_the_split_is_the_same_each_time_and_named_by_its_digest(tmp_path: Path) -> None:
    put(tmp_path / "a", 20)
    put(tmp_path / "b", 20)
    first = Folder(root=str(tmp_path), size=4)
    torch.manual_seed(5)
    assert Folder(root=str(tmp_path), size=4).parts == first.parts
    digest = first.load().digest
    assert Folder(root=str(tmp_path), size=6).load().digest == digest
    kept = {part: names(first.parts[part]) for part in first.parts}
    put(tmp_path / "b", 60)  # more of b: all that were there stay where they are
    (tmp_path / "a" / "999.png").write_bytes((tmp_path / "a" / "000.png").read_bytes())
    more = Folder(root=str(tmp_path), size=4)
    for part, before in kept.items():
        assert before <= names(more.parts[part])
    assert more.load().digest != digest


def test_subset_is_stratified(tmp_path: Path) -> None:
    put(tmp_path / "a", 20)
    put(tmp_path / "b", 40)
    data = Folder(root=str(tmp_path), size=4, subset=12)
    assert data.num_train == 12
    assert data.load().train.labels.bincount().tolist() == [4, 8]


def test_constructing_decodes_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / name, 3)
        for file in (tmp_path / name).iterdir():
            file.write_bytes(b"")
    data = Folder(root=str(tmp_path))
    with pytest.raises(CnnlabError, match=r"cannot read 6 pictures below .*: a.00\d\.png, .*"):
        data.load()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "0 class folders found, at least 2"),
        ({"cat": 5}, "1 class folder found, at least 2"),
        ({"cat": 5, "dog": 2}, "class 'dog' needs 3 pictures, found 2"),
        ({"cat": 5, "dog": 0}, "class 'dog' needs 3 pictures, found 0"),
        (
            {"train/cat": 5, "train/dog": 1, "test/dog": 9},
            "'dog' needs 2 training pictures, found 1",
        ),
        (
            {"train/cat": 5, "train/dog": 5, "val/bird": 5},
            "class 'bird' is in val but not in train",
        ),
        ({"train/cat": 5, "train/dog": 5, "test/dog": 0}, "test has no pictures"),
    ],
)
def test_refusals(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    for name, count in counts.items():
        put(tmp_path / name, count)
    with pytest.raises(ValueError, match=message) as refusal:
        Folder(root=str(tmp_path))
    assert str(refusal.value).startswith(f"root={tmp_path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("below", [(".",), ("train", "test")])
def test_one_start_lists_each_class_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: tuple[str, ...]
) -> None:
    for part in below:
        put(tmp_path / part / "cat", 4)
        put(tmp_path / part / "dog", 4)
    listed: Counter[str] = Counter()
    scandir, listdir = os.scandir, os.listdir

    def count(list_: Callable[[Any], Any], folder: Any) -> Any:
        listed[os.path.basename(folder)] += 1
        return list_(folder)

    monkeypatch.setattr(os, "scandir", partial(count, scandir))
    monkeypatch.setattr(os, "listdir", partial(count, listdir))
    with scanned_once():
        first, second = Folder(root=str(tmp_path)), Folder(root=str(tmp_path), size=8, subset=3)
    assert (listed["cat"], listed["dog"]) == (len(below), len(below))
    assert first.parts["test"] == second.parts["test"]
    assert len(first.parts["train"]) > len(second.parts["train"]) == 3


def test_fingerprints_are_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "cat", 4)
    put(tmp_path / "dog", 4)
    data = Folder(root=str(tmp_path))
    first = data.part_digests()
    monkeypatch.setattr(notes, "fingerprints", None)
    assert data.part_digests() is first


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"root=/.*/none: no such folder"):
        Folder(root=os.fspath(tmp_path / "none"))
