"""Data sets that torchvision downloads, verifies and reads; the split is made here."""

import contextlib
import http.client
import importlib
import io
import os
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import torch

from cnnlab.data.dataset import ImageDataset, Images, Root, Splits, data_root, split, subset_size
from cnnlab.data.files.archives import DamagedArchiveError, archives_of, unpack
from cnnlab.data.files.published import FileSet, Published, faults
from cnnlab.data.files.refusals import (
    not_downloaded,
    reason,
    refuse_a_file,
    refuse_other_names,
    refuse_the_wrong_folder,
    refuse_what_must_stay,
)
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.registry import DATASETS, CnnlabError

TIMEOUT = 10.0  # seconds that a server may stay silent
# All that torchvision raises for files that are missing, truncated or of another format.
UNREADABLE = (OSError, RuntimeError, ValueError, AssertionError, EOFError)


class DownloadedDataset(ImageDataset):
    """A data set with an official test set, named as in ``torchvision.datasets``.

    Validation images are split off the official training images. A subclass sets its spec and its
    files as they were published; its class name is torchvision's.

    Args:
        root: folder with the files, laid out as by torchvision; null is $CNNLAB_DATA, or else
            ~/.cache/cnnlab.
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; off by default.
    """

    fixed_images = True
    folder: ClassVar[str]  # below root, laid out as torchvision does
    layout: ClassVar[str]  # the names of the files, as a shell would expand them
    files: ClassVar[Mapping[str, Published]]
    archives: ClassVar[tuple[str, ...]]  # names of what they are packed in
    num_images: ClassVar[int]  # official training images, validation included
    num_val: int = 5000
    num_test: int = 10_000

    def __init__(
        self, *, root: Root = None, subset: int | None = None, augment: Augment = NO_AUGMENT
    ) -> None:
        self.root = data_root(root)
        self.num_train = subset_size(subset, self.num_images - self.num_val)
        self.num_loaded = self.num_images + self.num_test
        self.augment = augment

    def load(self) -> Splits:
        self.ensure_files()
        try:
            train, test = self._read(self.root)
        except UNREADABLE as error:
            raise CnnlabError(
                f"{self._wanted().name}: files incomplete or in another format ({reason(error)})\n"
                f"in {self.root / self.folder}"
            ) from None
        return split(train, num_train=self.num_train, num_val=self.num_val, test=test)

    def ensure_files(self, *, write: bool = True) -> None:
        wanted = self._wanted()
        try:
            refuse_a_file(wanted)
            found = faults(wanted, _owners())
            refuse_what_must_stay(wanted, found)
            damaged = []
            for archive in archives_of(wanted, found) if found else ():
                try:
                    unpacked = unpack(archive, wanted, found, write=write)
                    found = {name: fault for name, fault in found.items() if name not in unpacked}
                except DamagedArchiveError as error:
                    damaged.append(str(error))
            refuse_other_names(wanted, found)
            if found:
                refuse_the_wrong_folder(wanted, found)
        except OSError as error:
            raise CnnlabError(
                f"{wanted.name}: cannot be read or unpacked ({reason(error)})\nin {wanted.place}"
            ) from None
        if not found:
            return
        try:
            if write:
                self._download()
            else:
                self._ask_server()
        except (*UNREADABLE, http.client.HTTPException) as error:
            raise not_downloaded(wanted, found, damaged, error) from None

    def needs_download(self) -> bool:
        wanted = self._wanted()
        try:
            found = faults(wanted, _owners())
            return bool(found) and not list(archives_of(wanted, found))
        except OSError:
            return False  # ``load`` says what is wrong

    def _wanted(self) -> FileSet:
        names = [entry.name for entry in DATASETS if entry.component is type(self)]
        name = f"data={names[0]}" if names else type(self).__name__
        return FileSet(name, self.root, self.folder, self.layout, self.files, self.archives)

    def _read(self, root: Path, *, download: bool = False) -> tuple[Images, Images]:
        """Official training and test images, in the order of the files."""
        datasets = importlib.import_module("torchvision.datasets")
        original = getattr(datasets, type(self).__name__)
        if download:
            original(root, download=True)

        def read(train: bool) -> Images:
            source = original(root, train=train)
            pixels = torch.as_tensor(source.data)  # (N, H, W) or (N, H, W, C)
            pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
            if pixels.shape[1:] != self.spec.shape:
                raise ValueError(f"images of {tuple(pixels.shape[1:])}, not {self.spec.shape}")
            return Images(pixels, torch.as_tensor(source.targets, dtype=torch.int64))

        with ThreadPoolExecutor(2) as threads:  # verifying checksums is slow
            train, test = threads.map(read, (True, False))
        if len(train) != self.num_images:
            raise ValueError(f"{len(train)} training images, not {self.num_images}")
        return train, test

    def _download(self) -> None:
        """Fetch into a scratch folder and move the complete files to the root."""
        absent = [path for path in (self.root, *self.root.parents) if not path.exists()]
        target = self.root / self.folder
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.root, prefix=".download-") as scratch:
                with _socket_timeout(), _quiet():
                    self._read(Path(scratch), download=True)
                target.mkdir(parents=True, exist_ok=True)
                for name in self.files:
                    os.replace(Path(scratch, self.folder, name), target / name)
        except BaseException:
            for path in absent:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise

    def _ask_server(self) -> None:
        """Whether one answers that has the files, without downloading them.

        Raises:
            OSError: none does, or the root cannot be written.
        """
        above = next(path for path in (self.root, *self.root.parents) if path.exists())
        if not os.access(above, os.W_OK):
            raise PermissionError(f"{above} cannot be written")
        original = getattr(importlib.import_module("torchvision.datasets"), type(self).__name__)
        first = self.archives[0]
        urls = [f"{mirror}{first}" for mirror in getattr(original, "mirrors", ())]
        for url in urls or [original.url]:
            try:
                urllib.request.urlopen(
                    urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT
                ).close()
                return
            except OSError as error:
                last = error
        raise last


def _owners() -> dict[str, str]:
    """md5 -> the data set whose file it is."""
    return {
        published.md5: entry.component.__name__
        for entry in DATASETS
        if isinstance(entry.component, type) and issubclass(entry.component, DownloadedDataset)
        for published in entry.component.files.values()
        if published.md5 is not None
    }


@contextlib.contextmanager
def _socket_timeout() -> Iterator[None]:
    """Limit the wait for a silent server; torchvision sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Show torchvision's progress bars on a terminal only; they would fill a log."""
    if sys.stderr.isatty():
        yield
    else:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
