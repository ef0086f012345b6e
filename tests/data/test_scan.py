import os
from pathlib import Path

import pytest

from cnnlab.data.scan import (
    duplicates,
    fingerprints,
    list_pictures,
    remember,
    scanned_once,
    stamp_of,
)


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.jfif", "d.tiff", "e.heic", "f.HEIC", "g.avif", "h.jp2"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("noend", ".hidden.png", "._a.png", "Thumbs.db", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    listing = list_pictures(tmp_path)
    assert [path.name for path in listing.pictures] == ["a.png", "b.JPG", "c.jfif", "d.tiff"]
    assert listing.passed_over == {
        ".heic": 2,
        ".avif": 1,
        ".jp2": 1,
        "without suffix": 1,
        ".txt": 1,
    }


def test_links_are_followed_and_broken_ones_counted(tmp_path: Path) -> None:
    place, away = tmp_path / "cat", tmp_path / "away"
    place.mkdir()
    away.mkdir()
    (away / "b.png").write_bytes(b"x")
    os.symlink(away / "b.png", place / "a.png")
    os.symlink(away, place / "more")
    os.symlink(place, place / "round")  # would never end
    os.symlink(tmp_path / "nowhere.png", place / "lost.png")
    listing = list_pictures(place)
    assert [path.relative_to(place).as_posix() for path in listing.pictures] == [
        "a.png",
        "more/b.png",
    ]
    assert listing.passed_over == {"broken link": 1, "link to a folder above it": 1}


@pytest.mark.parametrize("size", [0, 1, 100, 2**14, 2**14 + 1, 10**5])
def test_a_fingerprint_changes_with_contents_and_size(tmp_path: Path, size: int) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(bytes(size))
    [first] = fingerprints([file])
    assert fingerprints([file]) == [first]
    for at in {0, size // 2, size - 1} if size else set():
        content = bytearray(size)
        content[at] = 1
        file.write_bytes(content)
        os.utime(file, ns=(at, at + 5))
        assert fingerprints([file]) != [first]
    file.write_bytes(bytes(size + 1))
    assert fingerprints([file]) != [first]
    file.write_bytes(bytes(size))
    assert fingerprints([file]) == [first]


def test_a_name_and_a_time_change_no_fingerprint(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"the same")
        os.utime(tmp_path / name, (1, len(name) + ord(name[0])))
    one, other = fingerprints([tmp_path / "a.png", tmp_path / "b.png"])
    assert one == other


def test_duplicates_are_the_same_to_the_last_byte(tmp_path: Path) -> None:
    contents = {"a": bytes(50_000), "b": bytes(50_000), "c": b"other"}
    unlike = bytearray(50_000)
    unlike[10_000] = 1  # where no fingerprint looks
    for name, content in {**contents, "d": bytes(unlike)}.items():
        (tmp_path / name).write_bytes(content)
    a, b, c, d = (tmp_path / name for name in "abcd")
    assert fingerprints([a]) == fingerprints([d])
    parts = {"train": [(a, 0), (c, 0)], "test": [(d, 1), (b, 1)]}
    assert duplicates(parts, "test", "train") == [(b, a)]
    assert duplicates({"train": [(c, 0)], "test": [(d, 0)]}, "test", "train") == []


def test_one_scan_for_a_block(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with scanned_once():
        first = list_pictures(tmp_path)
        (tmp_path / "b.png").write_bytes(b"x")
        with scanned_once():
            assert list_pictures(tmp_path) is first
    assert len(list_pictures(tmp_path).pictures) == 2


def test_a_file_that_could_not_be_opened_is_not_known_by_that(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(b"a picture")
    remember(path, stamp_of(path), "unreadable: Stale file handle")
    assert not fingerprints([path])[0].startswith("unreadable")
