"""A pack is whole or not there; what is decoded is decoded once."""

import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnlab.data.packing import pack as packing
from cnnlab.data.packing import writer
from cnnlab.data.packing.pack import BrokenPicturesError, find, opened, pack
from cnnlab.data.packing.pack_file import DamagedPackError, Pack, Stored, open_pack
from cnnlab.data.packing.writer import PackFailedError
from cnnlab.data.picture import UnreadablePictureError, read_pictures, read_whole
from cnnlab.data.scan import fingerprints

WHOLE = Stored("whole", 8, 3)
Files = dict[str, Path]


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BATCH", 3)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Ten pictures of 12x9 and 9x12."""
    random, found = np.random.RandomState(0), {}
    for i in range(10):
        size = (9, 12, 3) if i % 2 else (12, 9, 3)
        path = tmp_path / "pictures" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.randint(0, 255, size, dtype=np.uint8)).save(path)
        found[path.name] = path
    return found


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were decoded."""
    names: list[str] = []
    original = Stored.read

    def noted(self: Stored, path: Path) -> np.ndarray:
        names.append(path.name)
        return original(self, path)

    monkeypatch.setattr(Stored, "read", noted)
    return names


@pytest.fixture
def write(tmp_path: Path, files: Files) -> Callable[..., Pack]:
    def make(**options: Any) -> Pack:
        return pack(files, WHOLE, tmp_path / "a.pack", **{"skip_broken": False, **options})

    return make


def check(found: Pack, files: Files) -> None:
    for name, path in files.items():
        assert np.array_equal(found.pixels(found.rows[name]), read_whole(path, 8, 3)), name
    assert found.damaged() == []


def test_whole_pictures_are_stored_once(
    write: Callable[..., Pack], files: Files, decoded: list[str]
) -> None:
    found = write()
    check(found, files)
    assert sorted({found.pixels(row).shape for row in range(10)}) == [(8, 11, 3), (11, 8, 3)]
    assert sorted(decoded[:10]) == sorted(files)
    decoded.clear()
    os.utime(files["3.png"], (0, 0))  # its content is the same
    check(write(), files)
    assert decoded == []
    assert sorted(path.name for path in found.path.parent.iterdir()) == [
        "a.pack", "a.pack.lock", "pictures",
    ]  # fmt: skip


def test_a_changed_picture_alone_is_decoded_again(
    write: Callable[..., Pack], files: Files, decoded: list[str]
) -> None:
    first = write()
    before = os.stat(files["4.png"])
    image = bytearray(files["4.png"].read_bytes())
    other = np.asarray(Image.open(files["6.png"]))
    Image.fromarray(other).save(files["4.png"])
    os.utime(files["4.png"], ns=(before.st_atime_ns, before.st_mtime_ns))
    files["new.png"] = files["4.png"].with_name("new.png")
    files["new.png"].write_bytes(image)
    del files["5.png"]
    assert find(first.path, files, WHOLE) is None
    decoded.clear()
    check(write(), files)
    assert sorted(decoded) == ["4.png", "new.png"]


def test_an_edit_where_no_fingerprint_looks_is_seen(
    write: Callable[..., Pack], files: Files, decoded: list[str]
) -> None:
    path = files["3.png"].with_name("large.bmp")  # 30 kB, uncompressed
    Image.new("RGB", (100, 100)).save(path)
    files["large.bmp"] = path
    first, before = write(), fingerprints([path])
    content = bytearray(path.read_bytes())
    content[6000:7000] = bytes([255]) * 1000
    path.write_bytes(content)
    os.utime(path, ns=(0, 5))
    assert fingerprints([path]) == before
    decoded.clear()
    assert find(first.path, files, WHOLE) is None
    check(write(), files)
    assert decoded == ["large.bmp"]


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    original, calls = writer.PackWriter.append, iter(range(count))

    def stopping(self: writer.PackWriter, pictures: Iterator[object]) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        original(self, pictures)

    monkeypatch.setattr(writer.PackWriter, "append", stopping)


def test_a_killed_process_is_continued(
    write: Callable[..., Pack],
    files: Files,
    tmp_path: Path,
    decoded: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            write()
    part, journal = tmp_path / "a.pack.part", tmp_path / "a.pack.journal"
    assert opened(tmp_path / "a.pack") is None
    with open(part, "ab") as file:
        file.write(b"half a picture")
    with open(journal, "a") as file:
        file.write('{"name": "half a li')
    spoilt = bytearray(part.read_bytes())
    spoilt[70] ^= 255  # as a power failure may leave it
    part.write_bytes(spoilt)
    decoded.clear()
    check(write(), files)
    assert sorted(decoded) == ["0.png", *(f"{i}.png" for i in range(6, 10))]
    assert "packing 10 pictures into" in (said := capsys.readouterr().err)
    assert said.endswith(
        f"into {tmp_path}/a.pack, 5 of them done before\npacked 5 pictures in 0.0 s\n"
    )


@pytest.mark.parametrize("damage", ["truncated", "another version", "empty"])
def test_a_damaged_pack_is_named_and_made_again(
    damage: str, write: Callable[..., Pack], files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write().path
    content = path.read_bytes()
    path.write_bytes(
        {"truncated": content[:-9], "another version": b"cnnlab 0" + content[8:], "empty": b""}[
            damage
        ]
    )
    with pytest.raises(
        DamagedPackError, match=r"a\.pack is (truncated|not a pack of this version)"
    ):
        open_pack(path)
    check(write(), files)
    assert capsys.readouterr().err.count("; it is packed again") == 1


def test_pixels_that_have_changed_on_the_disk_are_found(
    write: Callable[..., Pack], files: Files, decoded: list[str]
) -> None:
    path = write().path
    content = bytearray(path.read_bytes())
    content[int(open_pack(path).offsets[7]) + 5] ^= 1
    path.write_bytes(content)
    assert open_pack(path).damaged() == ["7.png"]
    decoded.clear()
    files["new.png"] = files["1.png"].with_name("new.png")
    files["new.png"].write_bytes(files["1.png"].read_bytes())
    check(write(), files)  # they are not copied
    assert sorted(decoded) == ["7.png", "new.png"]
    path.write_bytes(content)
    del files["new.png"]
    decoded.clear()
    check(write(damaged=["7.png"]), files)
    assert decoded == ["7.png"]


def test_index_and_pixels_are_of_one_file(write: Callable[..., Pack]) -> None:
    found = open_pack(write().path)
    content = bytearray(found.path.read_bytes())
    content[int(found.offsets[7]) + 5] ^= 1
    other = found.path.with_name("other")
    other.write_bytes(content)
    os.replace(other, found.path)  # as another process does, before the pixels are used
    assert found.damaged() == []
    assert open_pack(found.path).damaged() == ["7.png"]


def test_a_full_disk_is_said_and_continued(write: Callable[..., Pack], files: Files) -> None:
    original, calls = os.write, iter(range(4))

    def limited(descriptor: int, content: bytes) -> int:
        if next(calls, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(descriptor, content[:200])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer.os, "write", limited)
        with pytest.raises(
            PackFailedError, match=r"the disk of .* is full while a\.pack is packed"
        ):
            write()
    check(write(), files)


def test_too_small_a_disk_is_said_at_once(
    write: Callable[..., Pack], decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 100

    monkeypatch.setattr(packing.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(PackFailedError, match=r"10 pictures take about 0\.0 GB in .*CNNLAB_DATA"):
        write()
    assert decoded == []


def test_broken_pictures_are_listed_and_left_out_only_if_asked(
    write: Callable[..., Pack], files: Files, decoded: list[str]
) -> None:
    whole = files["2.png"].read_bytes()
    files["2.png"].write_bytes(b"no picture")
    files["8.png"].write_bytes(whole[:100])
    with pytest.raises(BrokenPicturesError, match=r"2 pictures below .*/pictures cannot be") as got:
        write()
    assert list(got.value.broken) == ["2.png", "8.png"]
    assert got.value.broken["2.png"] == "UnidentifiedImageError: cannot identify image file"
    decoded.clear()
    found = write(skip_broken=True)
    assert sorted(decoded) == ["2.png", "8.png"]
    assert list(found.broken) == ["2.png", "8.png"]
    with pytest.raises(BrokenPicturesError):
        write()
    files["2.png"].write_bytes(whole)
    del files["8.png"]
    decoded.clear()
    check(write(), files)
    assert decoded == ["2.png"]


@pytest.mark.parametrize("passing", [errno.EIO, errno.EMFILE])
def test_a_read_error_that_passes_is_raised_not_recorded(
    passing: int, write: Callable[..., Pack], files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Image.open

    def failing(path: Path) -> Image.Image:
        if path.name == "4.png":
            raise OSError(passing, os.strerror(passing), str(path))
        return whole(path)

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", failing)
        with pytest.raises(PackFailedError, match=rf"4\.png \({os.strerror(passing)}\); what is"):
            write(skip_broken=True)
        with pytest.raises(UnreadablePictureError):
            read_pictures(list(files.values()), 8, 3)
    check(write(), files)


def test_of_two_at_once_one_packs_and_the_other_waits(
    write: Callable[..., Pack],
    files: Files,
    decoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(packing, "PATIENCE", 0.0)
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(write), both.submit(write)]:
            check(done.result(), files)
    assert sorted(decoded) == sorted(files)
    assert capsys.readouterr().err.count("waiting for another process, which packs") == 1
