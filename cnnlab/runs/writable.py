"""Whether a folder can be made and written, asked before any work starts."""

import os
from pathlib import Path

from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import is_disk_full

LONGEST_NAME = 255  # bytes, of all usual file systems


def check_writable(folder: Path, option: str) -> None:
    """Refuse a folder that cannot be made or written; makes and writes nothing.

    Args:
        option: what the user gave, ``runs_dir=...``, for the message.

    Raises:
        CnnlabError: it or a folder above it is a file, a name is too long, or writing is not
            allowed there.
    """
    if not option.partition("=")[2] or "\0" in option:
        raise CnnlabError(f"{option!r} does not name a folder")
    refuse_long_name(folder, option)
    try:
        place = next(
            p for p in (folder, *folder.absolute().parents) if p.exists() or p.is_symlink()
        )
    except OSError as error:
        raise CnnlabError(f"{option}: {error.strerror}") from error
    if not place.is_dir():
        raise CnnlabError(f"{option}: {place} is a file, not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise CnnlabError(f"{option}: {place} cannot be written")


def refuse_long_name(path: str | Path, option: str) -> None:
    """Refuse a path that no file system takes, before anything looks there.

    Args:
        option: what the user gave, for the message.

    Raises:
        CnnlabError: a name in it is too long.
    """
    for name in Path(path).parts:
        if len(name.encode(errors="surrogatepass")) > LONGEST_NAME:
            raise CnnlabError(f"{option}: a name of more than {LONGEST_NAME} bytes: {name}")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        CnnlabError: the file system refuses.
        OSError: its disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise CnnlabError(f"{folder} cannot be made: {error.strerror}") from error
