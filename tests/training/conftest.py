"""One thread, and runs in fresh folders."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_run import Run


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    """Makes a run in a fresh folder under the given name."""
    return lambda name="run", **options: Run(tmp_path / name, **options)
