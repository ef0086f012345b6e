"""Files that are the old one or the new one after a crash, a power failure or on a full disk."""

import errno
import os
import secrets
import shutil
import time
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
        return (
            f"the disk{place} is full; free some space, then the same command continues from here"
        )


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that the disk or the quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def replacing(
    path: Path, *, sync_file: bool = True, sync_folder: bool = True
) -> Iterator[BinaryIO]:
    """A new file for the block, which becomes ``path`` at its end, once it is on the disk.

    Meanwhile it is beside ``path``, under a unique name: two writers do not collide. Where the
    block fails it is removed, and ``path`` stays.

    Args:
        sync_file: False where it may be lost in a power failure, as long as it is never half.
        sync_folder: have the new name on the disk too; False where another file follows that does.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            if sync_file:
                os.fsync(file.fileno())
        os.replace(part, path)
        if sync_folder:
            sync(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str, *, sync_file: bool = True) -> None:
    """Replace ``path`` by ``text`` in one step."""
    with replacing(path, sync_file=sync_file, sync_folder=False) as file:
        file.write(text.encode())


def remove_parts(*folders: Path) -> None:
    """Remove what ``replacing`` left in these folders in a process that was killed."""
    for folder in folders:
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def set_aside(file: Path, reason: str) -> str:
    """Rename a damaged file, beside those that were before; a line that says so."""
    kept = file.with_name(f"{file.name}.damaged-{time.time_ns()}")
    os.rename(file, kept)
    return f"{file}: {reason}; kept as {kept.name}"


def copy(source: Path, target: Path) -> None:
    """Make ``target`` a copy of ``source``, with its own disk space."""
    with source.open("rb") as original, replacing(target) as file:
        shutil.copyfileobj(original, file, 1 << 20)


def sync(folder: Path) -> None:
    """Put a folder's names on the disk, where the system opens folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
