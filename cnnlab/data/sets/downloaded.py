"""Data sets that torchvision downloads, verifies and reads; the split is made here."""

import contextlib
import http.client
import importlib
import io
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import torch

from cnnlab.data.dataset import ImageDataset, Images, Root, Splits, data_root, split, subset_size
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.registry import CnnlabError

TIMEOUT = 10.0  # seconds that a server may stay silent
# All that torchvision raises for files that are missing, truncated or of another format.
UNREADABLE = (OSError, RuntimeError, ValueError, AssertionError, EOFError)


class DownloadedDataset(ImageDataset):
    """A data set with an official test set, named as in ``torchvision.datasets``.

    Validation images are split off the official training images. A subclass sets its spec and the
    names of its files; its class name is torchvision's.

    Args:
        root: folder with the files, laid out as torchvision does; null is $CNNLAB_DATA, or else
            ~/.cache/cnnlab.
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; off by default.
    """

    fixed_images = True
    folder: ClassVar[str]  # below root, laid out as torchvision does
    files: ClassVar[tuple[str, ...]]
    num_images: ClassVar[int]  # official training images, validation included
    num_val: int = 5000
    num_test: int = 10_000

    def __init__(
        self, *, root: Root = None, subset: int | None = None, augment: Augment = NO_AUGMENT
    ) -> None:
        self.root = data_root(root)
        self.num_train = subset_size(subset, self.num_images - self.num_val)
        self.augment = augment

    def load(self) -> Splits:
        try:
            train, test = self._read(self.root)
        except UNREADABLE:
            self._download()
            train, test = self._read(self.root)
        return split(train, num_train=self.num_train, num_val=self.num_val, test=test)

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
        except (*UNREADABLE, http.client.HTTPException) as error:
            for path in absent:
                with contextlib.suppress(OSError):
                    path.rmdir()
            reason = [type(error).__name__, *str(error).strip().splitlines()][-1]
            raise CnnlabError(
                f"{type(self).__name__} is missing or incomplete in {self.root} and cannot be "
                f"downloaded ({reason})\nexpected are {self.folder}/{{{','.join(self.files)}}} "
                "below data.root or CNNLAB_DATA; data=digits needs no download"
            ) from None


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
