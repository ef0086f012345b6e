"""One thread, components found, and a small MNIST on the disk."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab import data
from cnnlab.data.sets.synthetic import Synthetic
from cnnlab.discovery import discover


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    discover()


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with files in MNIST's format: 50 training, 10 validation and 20 test images."""
    monkeypatch.setattr(data.MNIST, "num_images", 60)
    monkeypatch.setattr(data.MNIST, "num_val", 10)
    monkeypatch.setattr(data.MNIST, "ensure_files", lambda *_, **__: None)  # of whole files
    random = np.random.RandomState(0)
    folder = tmp_path / "root" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 60), ("t10k", 20)):
        images = random.randint(0, 256, (count, 28, 28))
        _write(folder / f"{prefix}-images-idx3-ubyte", images)
        _write(folder / f"{prefix}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path / "root"


@pytest.fixture
def cifar10(monkeypatch: pytest.MonkeyPatch) -> None:
    """48 training and 20 validation images as CIFAR-10's, which by default crops and flips."""
    splits = Synthetic(channels=3, num_train=48, num_val=20, num_test=10).load()
    monkeypatch.setattr(data.CIFAR10, "ensure_files", lambda *_, **__: None)
    monkeypatch.setattr(data.CIFAR10, "load", lambda _: splits)


def _write(path: Path, array: np.ndarray[Any, Any]) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())
