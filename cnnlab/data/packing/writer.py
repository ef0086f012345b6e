"""Writing a pack: a part and a journal beside it, from which a killed process's work continues."""

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnlab.data.packing.pack_file import MAGIC, START, Entry, Stored, checksum, footer, index_bytes
from cnnlab.registry import CnnlabError

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class PackFailedError(CnnlabError):
    """A pack cannot be written; no mistake in the command, which continues later."""

    exit_code = 1


class PackWriter:
    """Appends pictures to ``NAME.part``, and what they are to ``NAME.journal``.

    The journal follows the pixels, and its lines have their checksums: what is not in both is
    written again. The part gets its name when it is whole and on the disk.

    Attributes:
        entries: of the pictures that are in the part already, by name.
    """

    def __init__(self, path: Path, stored: Stored) -> None:
        self.path, self.stored = path, stored
        self.part, self.journal = (path.with_name(path.name + end) for end in (".part", ".journal"))
        self._head = json.dumps({"format": MAGIC.decode(), "stored": asdict(stored)})
        self.entries = {entry.name: entry for entry in self._journalled()}
        self._end = max((_end(entry, stored) for entry in self.entries.values()), default=START)
        if self.entries:
            os.truncate(self.part, self._end)
        else:
            self.part.write_bytes(MAGIC.ljust(START, b"\0"))
        lines = [json.dumps(asdict(entry)) for entry in self.entries.values()]
        self.journal.write_text("\n".join([self._head, *lines, ""]))

    def append(self, pictures: Iterable[tuple[Entry, NDArray[np.uint8] | None]]) -> None:
        """Write pictures, whose entries have all but the offset, or of a broken one the reason.

        Raises:
            PackFailedError: the disk is full; what is written stays, and can be continued.
        """
        lines = []
        with _full_disk(self.path), open(self.part, "r+b", buffering=0) as file:
            file.seek(self._end)
            for entry, pixels in pictures:
                if pixels is not None:
                    entry = replace(entry, offset=self._end)
                    _write(file.fileno(), np.ascontiguousarray(pixels).data.cast("B"))
                    self._end += pixels.size
                lines.append(json.dumps(asdict(entry)) + "\n")
                self.entries[entry.name] = entry
            with open(self.journal, "a") as journal:
                journal.writelines(lines)

    def finish(self, names: Iterable[str]) -> None:
        """Add the index of these pictures, and give the whole file its name.

        Raises:
            PackFailedError: the disk is full.
        """
        index = index_bytes(self.stored, [self.entries[name] for name in names])
        with _full_disk(self.path), open(self.part, "r+b", buffering=0) as file:
            file.seek(self._end)
            _write(file.fileno(), memoryview(index + footer(index, self._end)))
            file.truncate()
            os.fsync(file.fileno())
        os.replace(self.part, self.path)
        self.journal.unlink()

    def _journalled(self) -> Iterator[Entry]:
        """What an earlier process has written, as far as the pixels in the part are the same."""
        try:
            head, *lines = self.journal.read_text().splitlines()
            part = np.memmap(self.part, np.uint8, mode="r")
        except (OSError, ValueError):
            return
        if head != self._head or part[: len(MAGIC)].tobytes() != MAGIC:
            return
        for line in lines:
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):  # the last line, half-written
                return
            pixels = part[entry.offset : _end(entry, self.stored)]
            if entry.broken or checksum(pixels) == entry.checksum:
                yield replace(entry, stamp=tuple(entry.stamp))


def _end(entry: Entry, stored: Stored) -> int:
    if entry.broken:
        return START
    return entry.offset + entry.height * entry.width * stored.channels


def _write(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


@contextlib.contextmanager
def _full_disk(path: Path) -> Iterator[None]:
    """A block that writes; a full disk is named."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise PackFailedError(
            f"the disk of {path.parent} is full while {path.name} is packed; what is packed stays "
            "there: free some space, then the same command continues from it"
        ) from None
