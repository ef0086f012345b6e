import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cnnlab.data.layout import assign, check_counts, find_layout, split_missing
from cnnlab.data.part_names import part_named


def put(root: Path, *folders: str, count: int = 4) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("L", (3, 3), i).save(root / folder / f"{i}.png")


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        ("train", "train"),
        ("Train", "train"),
        ("TRAINING", "train"),
        ("train_set", "train"),
        ("training-set", "train"),
        ("Training Data", "train"),
        ("val", "val"),
        ("VALID", "val"),
        ("validation_set", "val"),
        ("Test", "test"),
        ("testing", "test"),
        ("test_images", "test"),
        ("cat", None),
        ("trains", None),
        ("testimony", None),
        ("valley", None),
        ("set", None),
    ],
)
def test_the_usual_names_of_parts(folder: str, part: str | None) -> None:
    assert part_named(folder) == part


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("Train", None, "Test"),
        ("training", None, "testing"),
        ("train_set", "valid_set", "test_set"),
        ("TRAIN", "Validation", "TEST"),
    ],
)
def test_parts_in_any_spelling(tmp_path: Path, train: str, val: str | None, test: str) -> None:
    given = {"train": train, "val": val, "test": test}
    for folder in filter(None, given.values()):
        put(tmp_path, f"{folder}/cat", f"{folder}/dog")
    layout = find_layout(tmp_path)
    assert {part: given[part] for part in layout.parts} == {k: v for k, v in given.items() if v}
    for part, classes in layout.parts.items():
        assert {name: folder.parent.name for name, folder in classes.items()} == {
            "cat": given[part],
            "dog": given[part],
        }


REFUSED = {
    "two for one part": (
        ["train/cat", "train/dog", "val/cat", "val/dog", "valid/cat", "valid/dog"],
        "'val' and 'valid' both mean val; move one of them elsewhere",
    ),
    "in two cases": (
        ["Train/cat", "Train/dog", "train/cat", "train/dog"],
        "'Train' and 'train' both mean train",
    ),
    "a fourth folder": (
        ["train/cat", "train/dog", "val/cat", "val/dog", "test/cat", "test/dog", "extra/cat"],
        "'extra' is next to 'test', 'train', 'val'; put classes inside train, val and test",
    ),
    "a fourth of pictures": (
        ["train/cat", "train/dog", "unlabelled"],
        "'unlabelled' is next to 'train'",
    ),
    "no train": (["val/cat", "val/dog", "test/cat", "test/dog"], "no train folder"),
    "parts of other names": (
        ["fold1/cat", "fold1/dog", "fold2/cat", "fold2/dog"],
        "'fold1' and 'fold2' both contain 'cat', 'dog': they look like splits, not classes",
    ),
    "in another case": (
        ["a/cat", "a/dog", "b/Cat", "b/bird"],
        "'a' and 'b' both contain 'Cat'",
    ),
    "parts within train": (
        ["train/one/cat", "train/one/dog", "train/two/cat", "train/two/dog"],
        "'one' and 'two' both contain 'cat', 'dog'",
    ),
    "parts with pictures alone": (
        ["train", "test1"],
        "'test1' and 'train' look like splits, not classes",
    ),
    "parts with pictures alone, numbered": (
        ["train_1", "train_2"],
        "'train_1' and 'train_2' look like splits, not classes",
    ),
    "a prediction set": (
        ["my-train", "pred"],
        "'my-train' and 'pred' look like splits, not classes",
    ),
    "classes two folders deep": (
        ["seg_a/seg_a/cat", "seg_a/seg_a/dog", "seg_b/seg_b/cat", "seg_b/seg_b/dog"],
        "'seg_a' and 'seg_b' both contain 'cat', 'dog'",
    ),
    "parts of words, two folders deep": (
        ["seg_train/seg_train/cat", "seg_test/seg_test/cat"],
        "'seg_test' and 'seg_train' look like splits",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_be_parts_is_not_taken_for_classes(tmp_path: Path, case: str) -> None:
    folders, message = REFUSED[case]
    put(tmp_path, *folders)
    with pytest.raises(ValueError, match="root=") as refusal:
        find_layout(tmp_path)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (["bus", "train"], {"bus", "train"}),
        (["cat/images", "dog/images"], {"cat", "dog"}),  # as Tiny ImageNet has it
        (["cat/young", "cat/old", "dog"], {"cat", "dog"}),
        (["bullet_train", "freight-train"], {"bullet_train", "freight-train"}),
        (["ill/a/left", "ill/b/left", "well/c/left", "well/d/left"], {"ill", "well"}),
        (["cat/photos/images", "dog/photos/images"], {"cat", "dog"}),
        (["train/cat", "train/dog", "notes/none"], {"cat", "dog"}),
    ],
)
def test_what_is_classes(tmp_path: Path, folders: list[str], classes: set[str]) -> None:
    put(tmp_path, *[f for f in folders if f != "notes/none"])
    if "notes/none" in folders:
        put(tmp_path, "notes/none", count=0)
    assert set(find_layout(tmp_path).parts["train"]) == classes


def test_one_folder_too_high_is_hinted_at(tmp_path: Path) -> None:
    put(tmp_path, "dataset/cat", "dataset/dog")
    layout = find_layout(tmp_path)
    with pytest.raises(ValueError, match=r"1 class folder found.* mean root=.*/dataset\?"):
        check_counts(tmp_path, layout.parts)


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "cat", "dog")
    scandir = os.scandir

    def refuse(folder: str | Path) -> Iterator[os.DirEntry[str]]:
        if os.path.basename(folder) == "dog":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match="root=") as refusal:
        find_layout(tmp_path)
    assert str(refusal.value) == f"root={tmp_path}: {tmp_path}/dog: Permission denied"


def test_pictures_outside_of_class_folders_are_counted(tmp_path: Path) -> None:
    put(tmp_path, ".", "train", "train/cat", "train/dog", count=3)
    assert find_layout(tmp_path).passed_over == {"outside the class folders": 6}


def share(name: str) -> float:
    content = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(content, "big") / 2**64


@pytest.mark.slow
def test_the_part_follows_from_the_hash_of_class_and_name() -> None:
    folder = Path("/pictures/cat")
    files = [folder / f"{i:04}.jpg" for i in range(4000)]
    parts = assign(folder, files, ["val", "test"], 0.15)
    for file in files:
        place = share(f"cat/{file.name}")
        part = "val" if place < 0.15 else "test" if place < 0.3 else "train"
        assert file in set(parts[part]), file
    assert len(parts["val"]) == pytest.approx(600, abs=60)
    assert len(parts["test"]) == pytest.approx(600, abs=60)
    alone = assign(folder, files, ["test"], 0.15)  # test is the same where val is on disk
    assert alone["test"] == parts["test"]


@pytest.mark.parametrize("number", range(3, 30))
def test_every_part_has_a_picture_of_each_class(number: int) -> None:
    for name in ("a", "b", "c", "d"):
        folder = Path(name)
        files = [folder / f"{i}.png" for i in range(number)]
        parts = assign(folder, files, ["val", "test"], 0.15)
        assert all(parts.values())
        assert sorted(file for part in parts.values() for file in part) == sorted(files)


def test_an_accent_is_the_same_in_one_character_and_in_two(tmp_path: Path) -> None:
    chosen = []
    for accented in ("\u00e9", "e\u0301"):
        files = [tmp_path / f"caf{accented}{i:02}.png" for i in range(50)]
        chosen.append({f.name[-6:] for f in assign(tmp_path, files, ["val"], 0.3)["val"]})
    assert chosen[0] == chosen[1]


def test_added_pictures_move_none_and_removed_ones_neither(tmp_path: Path) -> None:
    put(tmp_path, "cat", "dog", count=60)
    before = split_missing(("cat", "dog"), find_layout(tmp_path).parts)
    put(tmp_path, "cat", "dog", "newt", count=90)
    (tmp_path / "cat" / "7.png").unlink()
    after = split_missing(("cat", "dog", "newt"), find_layout(tmp_path).parts)
    for part in ("train", "val", "test"):
        kept = {path for path, _ in before[part]} - {tmp_path / "cat" / "7.png"}
        assert kept <= {path for path, _ in after[part]}
