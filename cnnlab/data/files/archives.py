"""Archives in the folder of the files: unpacked, if what they hold is as published."""

import gzip
import hashlib
import os
import tarfile
import uuid
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from cnnlab.data.files.published import FileSet

DAMAGED = (OSError, EOFError, zlib.error, tarfile.TarError)


class DamagedArchiveError(Exception):
    """An archive that cannot be read, or holds other content than was published."""


def archives_of(wanted: FileSet, missing: Collection[str]) -> list[Path]:
    """The archives in which missing files should be.

    They may be beside the files or in the root, where torchvision leaves those of CIFAR.
    """
    return [
        folder / name
        for folder in (wanted.place, wanted.root)
        for name in wanted.archives
        if (folder / name).is_file() and (Path(name).stem in missing or name.endswith(".tar.gz"))
    ]


def unpack(archive: Path, wanted: FileSet, missing: Collection[str], *, write: bool) -> set[str]:
    """Put the missing files that it holds where they belong, each whole or not at all.

    Args:
        archive: ``name.gz``, or a .tar.gz with the files in whatever folder.
        write: False only checks that it holds them.

    Returns:
        the names of the files that it holds.

    Raises:
        DamagedArchiveError: it cannot be read, or a file in it is not the published one.
        OSError: the folder cannot be written.
    """
    found = set()
    shown = archive.name if archive.parent == wanted.place else str(archive)
    for name, content in _contents(archive, missing, shown):
        expected = wanted.files[name].md5
        if expected not in (None, hashlib.md5(content, usedforsecurity=False).hexdigest()):
            raise DamagedArchiveError(f"not as published: {shown}")
        if write:
            _write(content, wanted.place / name)
        found.add(name)
    return found


def _contents(archive: Path, missing: Collection[str], shown: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of the missing files, one in memory at a time."""
    try:
        if not archive.name.endswith(".tar.gz"):
            with gzip.open(archive) as file:
                content = file.read()
            yield archive.stem, content
            return
        with tarfile.open(archive) as members:
            for member in members:
                name = Path(member.name).name
                source = members.extractfile(member) if name in missing else None
                if source is not None:  # else it is no file
                    yield name, source.read()
    except DAMAGED as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise DamagedArchiveError(f"damaged: {shown} ({why})") from error


def _write(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
    try:
        part.write_bytes(content)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
