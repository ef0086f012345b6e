"""Decoding pictures into a pack on every core; what is packed already is kept."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from cnnlab.data.packing.pack_file import DamagedPackError, Entry, Pack, Stored, checksum, open_pack
from cnnlab.data.packing.progress import PackingProgress
from cnnlab.data.packing.writer import PackFailedError, PackWriter
from cnnlab.data.picture import UnreadablePictureError
from cnnlab.data.scan import remember, stamped_fingerprints, unchanged
from cnnlab.registry import CnnlabError
from cnnlab.text import plural

BATCH = 128  # pictures that are decoded before they are written
PATIENCE = 0.2  # seconds after which it is said that another process is waited for


class BrokenPicturesError(CnnlabError):
    """Pictures that cannot be read, by name, and why."""

    def __init__(self, folder: Path, broken: Mapping[str, str]) -> None:
        self.broken = broken
        they = "it" if len(broken) == 1 else "them"
        super().__init__(
            f"{plural(len(broken), 'picture')} below {folder} cannot be read; --skip-broken leaves "
            f"{they} out, all others are kept for the next try"
        )


def pack(
    files: Mapping[str, Path],
    stored: Stored,
    path: Path,
    *,
    skip_broken: bool,
    damaged: Sequence[str] = (),
) -> Pack:
    """The pack at ``path`` with these files, made where there is none, or files have changed.

    Of several processes that ask for it one makes it, and the others wait. Pictures whose content
    has not changed are taken from the pack that was there, or from what a killed process left.

    Args:
        files: by their names below the folder.
        skip_broken: record which pictures cannot be read, instead of refusing them all.
        damaged: names to decode again, whatever the pack says.

    Raises:
        BrokenPicturesError: there are some, without ``skip_broken``.
        PackFailedError: the disk is full, or cannot be written; or reading a picture failed, and
            may succeed the next time.
    """
    path = Path(os.path.realpath(path))  # of a link the file that it names
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            print(f"waiting for another process, which packs {path}", file=sys.stderr, flush=True)
            lock.acquire()
        try:
            old = opened(path)
            if old is None or damaged or not _holds(old, files) or old.stored != stored:
                _write(files, stored, path, old, skip_broken=skip_broken, damaged=damaged)
            done = open_pack(path)
        finally:
            lock.release()
    except OSError as error:
        raise PackFailedError(
            f"cannot write {error.filename or path} ({error.strerror or error}); "
            "$CNNLAB_DATA is the folder of packed pictures"
        ) from None
    broken = {name: done.broken[name] for name in files if name in done.broken}
    if broken and not skip_broken:
        raise BrokenPicturesError(_folder(files, broken), broken)
    return done


def opened(path: Path) -> Pack | None:
    """The pack at ``path``, if there is a whole one; its fingerprints need not be taken again."""
    try:
        return open_pack(path)
    except FileNotFoundError:
        return None
    except DamagedPackError as error:
        print(f"{error}; it is packed again", file=sys.stderr)
        return None


def find(path: Path, files: Mapping[str, Path], stored: Stored) -> Pack | None:
    """The pack at ``path``, if it holds these files as they are now."""
    try:
        found = open_pack(path)
    except (OSError, DamagedPackError):  # said where it is packed again
        return None
    return found if found.stored == stored and _holds(found, files) else None


def readable_now(pack: Pack, files: Mapping[str, Path]) -> list[str]:
    """The names of pictures that could not be read when they were packed, and can be now."""
    found = []
    for name in pack.broken.keys() & files.keys():
        with contextlib.suppress(UnreadablePictureError):
            pack.stored.read(files[name])
            found.append(name)
    return found


def _holds(pack: Pack, files: Mapping[str, Path]) -> bool:
    if not all(name in pack.rows for name in files):
        return False
    rows = [pack.rows[name] for name in files]
    stamps = pack.stamps[rows].tolist()
    for file, row, stamp in zip(files.values(), rows, stamps, strict=True):
        remember(file, tuple(stamp), pack.fingerprints[row])
    now = stamped_fingerprints(list(files.values()))
    return all(
        pack.fingerprints[row] == fingerprint and unchanged(before, stamp)
        for row, before, (fingerprint, stamp) in zip(rows, stamps, now, strict=True)
    )


def _write(
    files: Mapping[str, Path],
    stored: Stored,
    path: Path,
    old: Pack | None,
    *,
    skip_broken: bool,
    damaged: Sequence[str],
) -> None:
    again = set(damaged)
    kept = old if old is not None and old.stored == stored else None
    now = stamped_fingerprints(list(files.values()))
    wanted = [Entry(name, *found) for name, found in zip(files, now, strict=True)]
    writer = PackWriter(path, stored)
    have = writer.entries
    missing = [
        entry
        for entry in wanted
        if entry.name not in have
        or have[entry.name].broken
        or have[entry.name].fingerprint != entry.fingerprint
        or not unchanged(have[entry.name].stamp, entry.stamp)
    ]
    _check_disk(path, stored, len(missing))

    def decoded(entry: Entry) -> tuple[Entry, NDArray[np.uint8] | None]:
        row = None if kept is None or entry.name in again else kept.row_of(entry)
        if kept is not None and row is not None:
            copied = _described(entry, stored, kept.pixels(row))
            if copied[0].checksum == kept.checksums[row]:  # else the disk has changed it
                return copied
        try:
            return _described(entry, stored, stored.read(files[entry.name]))
        except UnreadablePictureError as error:
            if error.passes:
                raise PackFailedError(
                    f"{error}; what is packed stays: the same command continues from it"
                ) from None
            return replace(entry, broken=error.reason), None

    with (
        PackingProgress(path, len(wanted), len(wanted) - len(missing)) as progress,
        ThreadPoolExecutor(os.cpu_count()) as threads,  # PIL decodes outside the GIL
    ):
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            writer.append(threads.map(decoded, batch))
            progress.advance(len(batch))
    broken = {name: have[name].broken for name in files if have[name].broken}
    if broken and not skip_broken:
        raise BrokenPicturesError(_folder(files, broken), broken)
    writer.finish(files)


def _described(
    entry: Entry, stored: Stored, pixels: NDArray[np.uint8]
) -> tuple[Entry, NDArray[np.uint8]]:
    height, width = pixels.shape[:2] if stored.fit == "whole" else pixels.shape[1:]
    return replace(entry, height=height, width=width, checksum=checksum(pixels)), pixels


def _check_disk(path: Path, stored: Stored, pictures: int) -> None:
    needed = pictures * stored.num_bytes
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise PackFailedError(
            f"{plural(pictures, 'picture')} take about {needed / 1e9:,.1f} GB in {path.parent}, "
            f"where {free / 1e9:,.1f} GB is free; $CNNLAB_DATA is the folder of packed pictures"
        )


def _folder(files: Mapping[str, Path], names: Iterable[str]) -> Path:
    name = next(iter(names))
    return Path(os.fspath(files[name]).removesuffix(name))
