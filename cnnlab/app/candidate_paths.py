"""Folders, runs and modules that begin as the last word of a command line does."""

import os
from collections.abc import Iterator

WEIGHTS = (".safetensors", ".pth", ".pt")


def folders(beginning: str) -> Iterator[str]:
    """Folders that begin so, each with a slash at its end."""
    yield from (f"{typed}/" for typed, entry in _entries(beginning) if entry.is_dir())


def runs(beginning: str) -> Iterator[str]:
    """Runs that begin so, and with a slash the folders in which there may be more."""
    for typed, entry in _entries(beginning):
        if entry.is_dir() and not _is_run(os.path.dirname(entry.path)):
            yield typed if _is_run(entry.path) else f"{typed}/"


def weights(beginning: str) -> Iterator[str]:
    """Runs and files of weights."""
    yield from runs(beginning)
    for typed, entry in _entries(beginning):
        if entry.name.endswith(WEIGHTS):
            yield typed


def files(beginning: str) -> Iterator[str]:
    """Runs, folders and files of any kind."""
    yield from runs(beginning)
    yield from (typed for typed, entry in _entries(beginning) if entry.is_file())


def modules(beginning: str) -> Iterator[str]:
    """Modules and packages in the working directory."""
    for typed, entry in _entries(beginning):
        if entry.name.endswith(".py"):
            yield typed.removesuffix(".py")
        elif os.path.isfile(os.path.join(entry.path, "__init__.py")):
            yield typed


def _is_run(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "config.yaml"))


def _entries(beginning: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """The entries of a folder, as typed; hidden ones only after a typed dot."""
    folder, name = os.path.split(beginning)
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda e: e.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")):
            yield os.path.join(folder, entry.name), entry
