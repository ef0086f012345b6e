"""A file is the old one or the new one, and nothing stays of one that could not be written."""

import errno
import pickle
from pathlib import Path

import pytest

from cnnlab.runs.durable import (
    DiskFullError,
    copy,
    is_disk_full,
    remove_parts,
    replacing,
    set_aside,
    write_text,
)


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with replacing(file) as new:
        new.write(b"new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    with pytest.raises(OSError, match="No space"), replacing(file) as new:
        raise full()
    assert file.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_writers_have_files_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with replacing(file) as first:
        first.write(b"first")
        with replacing(file) as second:
            second.write(b"second, and longer")
        assert file.read_text() == "second, and longer"
    assert file.read_text() == "first"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    for name in (".file.17-a0.part", ".last.ckpt.part", "whole"):
        (tmp_path / name).write_text("half")
    remove_parts(tmp_path, tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_each_damaged_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    for content in "abc":
        file.write_text(content)
        line = set_aside(file, "is wrong")
        assert line.startswith(f"{file}: is wrong; kept as status.json.damaged-")
    assert sorted(kept.read_text() for kept in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_copy_is_another_file(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 9000)
    copy(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert not target.samefile(source)


def test_a_text_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise full()

    monkeypatch.setattr("cnnlab.runs.durable.os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_text(tmp_path / "status.json", "{}")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_known_behind_other_errors() -> None:
    outer = RuntimeError("unexpected pos")
    outer.__context__ = full()
    quota = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert all(map(is_disk_full, (full(), outer, quota)))
    assert not is_disk_full(OSError(errno.EIO, "Input/output error"))
    assert not is_disk_full(None)


def test_the_error_is_one_line_and_crosses_processes(tmp_path: Path) -> None:
    error = pickle.loads(pickle.dumps(DiskFullError(tmp_path)))
    assert str(error) == (
        f"the disk of {tmp_path} is full; free some space, "
        "then the same command continues from here"
    )
    assert error.exit_code == 1
