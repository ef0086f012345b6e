"""The file of packed pictures: their pixels one behind the other, then an index of them.

A line that says what it is, padded to 64 bytes; the pixels; the index, an npz archive; a footer
that says where the index is, and its checksum. Without a footer a file is not whole.
"""

import contextlib
import hashlib
import io
import json
import mmap
import struct
import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from cnnlab.data.loading.resized_crop import Pictures
from cnnlab.data.picture import Fit, read_picture, read_whole
from cnnlab.data.scan import Stamp, unchanged
from cnnlab.registry import CnnlabError

KIND = b"cnnlab packed pictures"
MAGIC = KIND + b", version 1\n"
START = 64  # bytes before the pixels
USUAL_RATIO = 1.4  # of the sides of a photograph
FOOTER = struct.Struct("<QQ16s")  # offset, length and blake2b of the index


class DamagedPackError(CnnlabError):
    """A file that is not a whole pack of this version."""


@dataclass(frozen=True)
class Stored:
    """What is stored of each picture.

    Attributes:
        fit: whole: all of it, (h, w, C), its proportions kept; else a square, (C, size, size), as
            `picture.read_picture` makes it.
        size: of the shorter side, in pixels.
        channels: 3 for colour, 1 for grey.
    """

    fit: Literal["whole", "squeeze", "keep", "crop"]
    size: int
    channels: Literal[1, 3]

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Decode a file.

        Raises:
            CnnlabError: it cannot be.
        """
        if self.fit == "whole":
            return read_whole(path, self.size, self.channels)
        return read_picture(path, self.size, self.channels, self.fit).numpy()

    @property
    def num_bytes(self) -> int:
        """How many a picture takes: of whole ones an estimate."""
        ratio = USUAL_RATIO if self.fit == "whole" else 1.0
        return int(self.size**2 * ratio) * self.channels

    def square(self, size: int) -> Fit:
        """How the square of ``size`` that is used of a picture fits into it."""
        return size / self.size if self.fit == "whole" else self.fit

    def __str__(self) -> str:
        colour = "colour" if self.channels == 3 else "grey"
        whole = f"whole pictures, the shorter side {self.size} pixels"
        squares = f"squares of {self.size} pixels ({self.fit})"
        return f"{whole if self.fit == 'whole' else squares}, {colour}"


@dataclass(frozen=True)
class Entry:
    """A picture in the index.

    Attributes:
        name: of its file, below the folder.
        fingerprint: of its content, by `scan.fingerprints`.
        stamp: the file's sizes and times when the fingerprint was taken.
        offset: of its pixels in the pack; of a broken picture nothing is stored.
        checksum: crc32 of its pixels.
        broken: why it cannot be read; empty where it can.
    """

    name: str
    fingerprint: str
    stamp: Stamp = ()
    offset: int = 0
    height: int = 0
    width: int = 0
    checksum: int = 0
    broken: str = ""


@dataclass(frozen=True, eq=False)
class Pack:
    """An opened file, mapped: its index and pixels are of one, also where it is replaced later."""

    path: Path
    mapped: mmap.mmap  # for reading; its pages belong to the operating system
    stored: Stored
    names: Sequence[str]
    fingerprints: Sequence[str]
    stamps: NDArray[np.int64]  # (P, 4)
    offsets: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]
    checksums: NDArray[np.int64]
    broken: dict[str, str] = field(default_factory=dict)  # by name, why

    @cached_property
    def rows(self) -> dict[str, int]:
        """Where a name is in the index."""
        return {name: row for row, name in enumerate(self.names)}

    def row_of(self, entry: Entry) -> int | None:
        """Where a picture of this name and content is, if it can be read."""
        row = self.rows.get(entry.name)
        if row is None or entry.name in self.broken:
            return None
        same = self.fingerprints[row] == entry.fingerprint
        return row if same and unchanged(self.stamps[row].tolist(), entry.stamp) else None

    @cached_property
    def pictures(self) -> Pictures:
        """The pixels of all pictures."""
        with warnings.catch_warnings():  # nobody writes into it
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
            values = torch.frombuffer(self.mapped, dtype=torch.uint8)
        offsets, heights, widths = map(torch.from_numpy, (self.offsets, self.heights, self.widths))
        stored = self.stored
        return Pictures(
            values, offsets, heights, widths, stored.channels, stored.size, stored.fit == "whole"
        )

    def pixels(self, row: int) -> NDArray[np.uint8]:
        """Those of one picture: (h, w, C) or (C, size, size)."""
        height, width = int(self.heights[row]), int(self.widths[row])
        channels, start = self.stored.channels, int(self.offsets[row])
        flat = np.frombuffer(self.mapped, np.uint8, height * width * channels, start)
        if self.stored.fit == "whole":
            return flat.reshape(height, width, channels)
        return flat.reshape(channels, height, width)

    def will_need(self, rows: Iterable[int]) -> None:
        """Have the operating system read these pictures ahead."""
        if not hasattr(self.mapped, "madvise"):
            return
        for row in rows:
            start = int(self.offsets[row]) // mmap.PAGESIZE * mmap.PAGESIZE
            count = int(self.heights[row] * self.widths[row]) * self.stored.channels
            with contextlib.suppress(OSError):
                self.mapped.madvise(mmap.MADV_WILLNEED, start, count + mmap.PAGESIZE)

    def damaged(self) -> list[str]:
        """The names of pictures whose pixels are not those that were written: reads all of them."""
        return [
            name
            for row, name in enumerate(self.names)
            if name not in self.broken and checksum(self.pixels(row)) != self.checksums[row]
        ]

    def __len__(self) -> int:
        return len(self.names)


def checksum(pixels: NDArray[np.uint8]) -> int:
    """The crc32 of pixels."""
    return zlib.crc32(np.ascontiguousarray(pixels).data)


def index_bytes(stored: Stored, entries: Sequence[Entry]) -> bytes:
    """The index of a file."""
    broken = {entry.name: entry.broken for entry in entries if entry.broken}
    about = json.dumps({"stored": asdict(stored), "broken": broken})
    names = "\0".join(entry.name for entry in entries)
    columns: dict[str, Any] = {
        "names": np.frombuffer(names.encode(errors="surrogateescape"), np.uint8),
        "fingerprints": np.array([entry.fingerprint for entry in entries], np.str_),
        "stamps": np.array([entry.stamp for entry in entries], np.int64),
        "about": np.frombuffer(about.encode(), np.uint8),
    }
    for name in ("offset", "height", "width", "checksum"):
        columns[name] = np.array([getattr(entry, name) for entry in entries], np.int64)
    written = io.BytesIO()
    np.savez(written, **columns)
    return written.getvalue()


def footer(index: bytes, start: int) -> bytes:
    """What ends a whole file."""
    return FOOTER.pack(start, len(index), hashlib.blake2b(index, digest_size=16).digest())


def is_pack(path: Path) -> bool:
    """Whether a file is a pack of any version, whole or not."""
    try:
        with open(path, "rb") as file:
            return file.read(len(KIND)) == KIND
    except OSError:
        return False


def open_pack(path: Path) -> Pack:
    """Open a file and check its index; the pixels are checked by `Pack.damaged` alone.

    Raises:
        DamagedPackError: it is not whole, or was written by another version.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DamagedPackError(f"{path} is not a pack of this version of cnnlab")
        length = file.seek(0, 2)
        file.seek(max(0, length - FOOTER.size))
        start, size, checksum = FOOTER.unpack(file.read().rjust(FOOTER.size, b"\0"))
        index = b""
        if start + size + FOOTER.size == length:
            file.seek(start)
            index = file.read(size)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hashlib.blake2b(index, digest_size=16).digest() != checksum:
        raise DamagedPackError(f"{path} is truncated or damaged")
    columns = np.load(io.BytesIO(index), allow_pickle=False)
    about = json.loads(columns["about"].tobytes())
    return Pack(
        path,
        mapped,
        Stored(**about["stored"]),
        columns["names"].tobytes().decode(errors="surrogateescape").split("\0"),
        columns["fingerprints"].tolist(),
        columns["stamps"],
        columns["offset"],
        columns["height"],
        columns["width"],
        columns["checksum"],
        about["broken"],
    )
