"""Files that are the old one or the new one after a crash, a power failure or on a full disk."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cnnlab.registry import CnnlabError

FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)}


class DiskFullError(CnnlabError):
    """No more can be written; no mistake in the command, which continues once there is room."""

    exit_code = 1

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        place = f" of {self.folder}" if self.folder else ""
        return f"the disk{place} is full; make room, then the same command continues from here"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that the disk or the quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file for the block, which becomes ``path`` at its end, once it is on the disk.

    Meanwhile it lies beside ``path``. Where the block fails it is removed, and ``path`` stays.

    Raises:
        OSError: it cannot be written.
    """
    part = part_of(path)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def part_of(path: Path) -> Path:
    """Where ``replacing`` writes; a process that was killed leaves it behind."""
    return path.with_name(f".{path.name}.part")


def copy(source: Path, target: Path) -> None:
    """Make ``target`` a copy of ``source``, with disk space of its own."""
    with source.open("rb") as original, replacing(target) as file:
        shutil.copyfileobj(original, file, 1 << 20)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the folder's names too, where the system opens folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
