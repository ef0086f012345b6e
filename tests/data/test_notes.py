from pathlib import Path

from PIL import Image

from cnnlab.data import Folder

SHADES = iter(range(10**6))


def put(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        shade = next(SHADES)
        Image.new("RGB", (2, 2), (shade % 256, shade // 256, 0)).save(folder / f"{i}.png")


def test_classes_and_counts_in_one_line(tmp_path: Path) -> None:
    for part, count in (("Train", 6), ("val", 3), ("test", 2)):
        put(tmp_path / part / "cat", count)
        put(tmp_path / part / "dog", count + 1)
    assert Folder(root=str(tmp_path)).notes() == [
        f"data.root={tmp_path}: 2 classes (cat, dog); train 13 (6, 7), val 7 (3, 4), test 5 (2, 3)"
    ]


def test_apostrophes_are_part_of_names(tmp_path: Path) -> None:
    put(tmp_path / "bird's nest", 3)
    put(tmp_path / "dog", 3)
    [line] = Folder(root=str(tmp_path)).notes()
    assert "2 classes (bird's nest, dog); " in line


def test_long_lists_are_shortened(tmp_path: Path) -> None:
    for number in range(1200):
        for part in ("train", "val", "test"):
            (tmp_path / part / f"c{number:04}").mkdir(parents=True)
            (tmp_path / part / f"c{number:04}" / "a.png").write_bytes(
                b"%d" % number + part.encode()
            )
    (tmp_path / "train" / "c0003" / "b.png").write_bytes(b"more")
    [line] = Folder(root=str(tmp_path)).notes()
    assert line == (
        f"data.root={tmp_path}: 1200 classes (c0000, c0001, c0002, c0003, c0004 and 1,195 more); "
        "train 1,201 (1 to 2 a class), val 1,200 (1 a class), test 1,200 (1 a class)"
    )


def test_what_is_passed_over_and_what_is_in_two_parts_is_said(tmp_path: Path) -> None:
    for part, count in (("train", 6), ("val", 3), ("test", 3)):
        put(tmp_path / part / "cat", count)
        put(tmp_path / part / "dog", count)
    for i in range(3):
        (tmp_path / "train" / "dog" / f"{i}.heic").write_bytes(b"")
    (tmp_path / "test" / "cat" / "picture").write_bytes(b"")
    original = tmp_path / "train" / "dog" / "4.png"
    (tmp_path / "test" / "cat" / "copy.png").write_bytes(original.read_bytes())
    (tmp_path / "val" / "dog" / "copy.png").write_bytes(original.read_bytes())
    root = f"data.root={tmp_path}"
    assert Folder(root=str(tmp_path)).notes()[1:] == [
        f"{root}: 4 files ignored: 3 .heic, 1 without suffix",
        f"{root}: 1 picture of test is also in train, byte for byte: "
        "test/cat/copy.png = train/dog/4.png",
        f"{root}: 1 picture of val is also in train, byte for byte: "
        "val/dog/copy.png = train/dog/4.png",
        f"{root}: 1 picture of test is also in val, byte for byte: "
        "test/cat/copy.png = val/dog/copy.png",
    ]
