"""What a folder of pictures contains: names, ignored files, and cheap fingerprints."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cnnlab.data.picture import SUFFIXES

HIDDEN = (".", "__")  # such as .ipynb_checkpoints and __MACOSX
SYSTEM = frozenset(("thumbs.db", "desktop.ini"))
WHOLE = 2**14  # bytes of a file up to which its fingerprint is of all of it
UNREAD = "unreadable:"  # begins what stands for the fingerprint of a file that cannot be read
BLOCK = 2**12  # bytes read at the beginning, in the middle and at the end of a larger one
Found = TypeVar("Found")
Labelled = list[tuple[Path, int]]
Stamp = tuple[int, ...]  # of a file: what `stamp_of` has


@dataclass(frozen=True)
class Listing:
    """Picture files, sorted, and how many others there are, by what they are: ``.heic``."""

    pictures: list[Path]
    passed_over: Counter[str]


_found: dict[Hashable, Any] | None = None  # None outside of `scanned_once`
_known: dict[str, tuple[Stamp, str]] = {}  # by a file's size and time of change


@contextlib.contextmanager
def scanned_once() -> Iterator[None]:
    """A block in which each folder is scanned once, as for all the jobs of one command."""
    global _found
    before, _found = _found, {} if _found is None else _found
    try:
        yield
    finally:
        _found = before


def remembered(key: Hashable, find: Callable[[], Found]) -> Found:
    """What ``find`` returns, found once in a block of `scanned_once`."""
    if _found is None:
        return find()
    if key not in _found:
        _found[key] = find()
    found: Found = _found[key]
    return found


@contextlib.contextmanager
def refuse_unreadable(root: Path) -> Iterator[None]:
    """A block that looks into folders below ``root``.

    Raises:
        ValueError: one of them may not be read.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(f"root={root}: {error.filename}: {error.strerror}") from error


def subfolders(folder: Path) -> list[Path]:
    """The folders in ``folder``, sorted, without hidden ones."""
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(HIDDEN))


def list_pictures(folder: Path) -> Listing:
    """Picture files in ``folder`` and below it, without hidden ones; links are followed."""
    return remembered(folder, lambda: _list_pictures(folder))


def name_from(folder: Path, file: Path) -> str:
    """The relative path of a file from a folder that it was listed in or below."""
    name, folder_name = os.fspath(file), os.fspath(folder)
    # A path below "." does not begin with it.
    start = "" if folder_name == os.curdir else os.path.join(folder_name, "")
    return name[len(start) :] if name.startswith(start) else os.path.relpath(name, folder_name)


def _list_pictures(folder: Path) -> Listing:
    pictures: list[str] = []
    passed_over: Counter[str] = Counter()
    _walk(os.fspath(folder), (), pictures, passed_over)
    return Listing([Path(name) for name in sorted(pictures, key=_parts)], passed_over)


def _parts(name: str) -> list[str]:
    return name.split(os.sep)


def _walk(
    folder: str, above: tuple[str, ...], pictures: list[str], passed_over: Counter[str]
) -> None:
    above = (*above, os.path.realpath(folder))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(HIDDEN if entry.is_dir() else "."):
                continue
            if entry.is_dir():
                if entry.is_symlink() and os.path.realpath(entry.path) in above:
                    passed_over["link to a folder above it"] += 1
                else:
                    _walk(entry.path, above, pictures, passed_over)
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            if suffix in SUFFIXES and entry.is_file():
                pictures.append(entry.path)
            elif entry.name.lower() not in SYSTEM:
                broken_link = entry.is_symlink() and not entry.is_file()
                passed_over["broken link" if broken_link else suffix or "without suffix"] += 1


def fingerprints(paths: Sequence[Path]) -> list[str]:
    """Of each file, a hash of its size and of its first, middle and last bytes.

    Files that have not changed since are not read again by this process.
    """
    return [fingerprint for fingerprint, _ in stamped_fingerprints(paths)]


def stamped_fingerprints(paths: Sequence[Path]) -> list[tuple[str, Stamp]]:
    """The fingerprint of each file, with its stamp from before that was taken."""
    names, workers = [os.fspath(path) for path in paths], min(16, 4 * (os.cpu_count() or 1))
    each = -(-len(names) // workers) or 1
    slices = [names[start : start + each] for start in range(0, len(names), each)]
    with ThreadPoolExecutor(workers) as threads:
        found = threads.map(lambda part: [_fingerprint(name) for name in part], slices)
        return [pair for part in found for pair in part]


def unchanged(before: Sequence[int], now: Sequence[int]) -> bool:
    """Whether a file is the same to the last byte, by two stamps with the same fingerprint.

    A fingerprint is of a part of a larger file: that may have changed elsewhere, as an uncompressed
    picture that is edited does, if its size or time of change differs.
    """
    return now[0] <= WHOLE or (before[0] == now[0] and before[1] == now[1])


def changes(parts: Mapping[str, Labelled]) -> str:
    """A hash of the names, sizes and times of change of files, of which none is opened."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts.values():
        for path, label in part:
            try:
                status = os.stat(path)
                stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
            except OSError as error:  # it is named when it is decoded
                stamp = f"unreadable: {error.strerror}"
            found.update(f"{path}\n{label} {stamp}\n".encode(errors="surrogatepass"))
        found.update(b"\n")
    return found.hexdigest()


def stamp_of(path: str | Path) -> Stamp:
    """A file's size, time of change, inode and time of its inode's change; of none zeros."""
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0, 0, 0)
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def remember(path: Path, stamp: Stamp, fingerprint: str) -> None:
    """Know a file's fingerprint of an earlier process, as long as its stamp is the same."""
    if not fingerprint.startswith(UNREAD):  # it may be read by now
        _known.setdefault(os.fspath(path), (stamp, fingerprint))


def _fingerprint(path: str) -> tuple[str, Stamp]:
    stamp = stamp_of(path)
    try:
        known = _known.get(path)
        if known is not None and known[0] == stamp:
            return known[1], stamp
        with open(path, "rb", buffering=0) as file:  # unbuffered: a few large reads
            if stamp[0] <= WHOLE:
                content = file.read()
            else:
                content = b""
                for start in (0, (stamp[0] - BLOCK) // 2, stamp[0] - BLOCK):
                    file.seek(start)
                    content += file.read(BLOCK)
    except OSError as error:  # it is named with the other broken pictures when it is decoded
        return f"{UNREAD} {error.strerror}", stamp
    found = hashlib.blake2b(b"%d\n" % stamp[0] + content, digest_size=12).hexdigest()
    _known[path] = (stamp, found)
    return found, stamp


def duplicates(parts: Mapping[str, Labelled], one: str, other: str) -> list[tuple[Path, Path]]:
    """Files of one part whose contents, to the last byte, a file of the other part has too."""
    candidates: dict[str, list[Path]] = {}
    for path, fingerprint in _with_fingerprints(parts[other]):
        candidates.setdefault(fingerprint, []).append(path)
    found = []
    for path, fingerprint in _with_fingerprints(parts[one]):
        for twin in candidates.get(fingerprint, ()):
            if _content(path) == _content(twin) is not None:
                found.append((path, twin))
                break
    return found


def _with_fingerprints(part: Labelled) -> Iterator[tuple[Path, str]]:
    paths = [path for path, _ in part]
    return zip(paths, fingerprints(paths), strict=True)


def _content(path: Path) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
