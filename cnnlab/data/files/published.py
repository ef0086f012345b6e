"""Files as they were published, and what is wrong with those in a folder."""

import functools
import hashlib
import os
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MISSING = "missing"
PACKED = (".gz", ".tgz")


class Published(NamedTuple):
    """What a file is known by; None is not checked.

    Attributes:
        md5: 32 hexadecimal digits.
        size: bytes.
    """

    md5: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class FileSet:
    """The files of one data set below a root.

    Attributes:
        name: as it is chosen: ``data=mnist``.
        folder: where the files belong, below ``root``.
        layout: their names, as a shell would expand them.
        archives: names of what they are packed in when they are downloaded.
    """

    name: str
    root: Path
    folder: str
    layout: str
    files: Mapping[str, Published]
    archives: Collection[str]

    @property
    def place(self) -> Path:
        """The folder in which the files belong."""
        return self.root / self.folder


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file.

    Attributes:
        words: such as ``9,000 of 60,008 bytes``, put before the file's name.
        replaceable: whether nothing of value is lost if it is overwritten.
        alias: the file's name in that folder, where it is another one: ``train-images.idx3-ubyte``.
    """

    words: str
    replaceable: bool
    alias: str = ""


def faults(wanted: FileSet, owners: Mapping[str, str]) -> dict[str, Fault]:
    """What is wrong with which of the files; empty if they are all as published.

    Args:
        owners: md5 -> the data set whose file it is.
    """

    def look(name: str) -> Fault | None:
        try:
            return _fault(wanted.place / name, wanted.files[name], owners)
        except (FileNotFoundError, NotADirectoryError):
            return Fault(MISSING, replaceable=True, alias=_alias(wanted.place, name))
        except OSError as error:
            return Fault(f"cannot be read ({error.strerror})", replaceable=False)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # hashing is outside the GIL
        found = dict(zip(wanted.files, threads.map(look, wanted.files), strict=True))
    return {name: fault for name, fault in found.items() if fault is not None}


def md5_of(path: Path) -> str:
    """The md5 of a file; computed again only when its size or time has changed.

    Raises:
        OSError: it cannot be read.
    """
    stat = path.stat()
    return _md5(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


def without_punctuation(name: str) -> str:
    """A name without case, punctuation and the suffix of a packed file."""
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    return re.sub(r"[\W_]", "", name.lower())


def _fault(path: Path, published: Published, owners: Mapping[str, str]) -> Fault | None:
    size = path.stat().st_size
    if not path.is_file():
        return Fault("a folder", replaceable=False)
    if size == 0:
        return Fault("empty", replaceable=True)
    if published.size is not None and size < published.size:
        return Fault(f"{size:,} of {published.size:,} bytes", replaceable=True)
    if published.size is not None and size > published.size:
        return Fault(f"{size:,} bytes, not {published.size:,}", replaceable=False)
    if published.md5 is None:
        with path.open("rb"):
            return None
    digest = md5_of(path)
    if digest == published.md5:
        return None
    if digest in owners:
        return Fault(f"belongs to {owners[digest]}", replaceable=False)
    return Fault("not as published (md5)", replaceable=False)


@functools.lru_cache(maxsize=1000)
def _md5(path: Path, _size: int, _modified: int, _inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _alias(folder: Path, name: str) -> str:
    """A file in the folder that has this name but for case and punctuation."""
    try:
        others = sorted(os.listdir(folder))
    except OSError:
        return ""
    others = [other for other in others if other != name and not other.endswith(PACKED)]
    return next(
        (other for other in others if without_punctuation(other) == without_punctuation(name)), ""
    )
