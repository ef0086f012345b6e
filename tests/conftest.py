"""Shared by all tests: one thread, and the command line run in this process as a user types it."""

import functools
import gc
import importlib.metadata
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side

import pytest
from hypothesis import HealthCheck, settings

# torch and its kind are a million objects that stay; to search them often takes a tenth of the time
gc.set_threshold(10_000, 20, 20)
# Lightning reads the entry points of all that is installed for every trainer that it makes.
importlib.metadata.entry_points = functools.cache(importlib.metadata.entry_points)
# No test cuts the power, and a disk takes a hundredth of a second to be sure.
os.fsync = lambda _descriptor: None

# A shell makes what it starts in the background deaf to Ctrl-C, and so every command started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines differ in speed; a run of the tests must not.
settings.register_profile(
    "cnnlab", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cnnlab")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long first: run side by side, the quick ones then fill up the end."""
    seconds: Counter[Path] = Counter()
    for item in items:
        if (slow := item.get_closest_marker("slow")) is not None:
            seconds[item.path] += slow.args[0] if slow.args else 2
    items.sort(key=lambda item: -seconds[item.path])


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def cnnlab(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """``cnnlab("train", "model=mlp")`` in an empty working directory."""
    from cnnlab.app import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "no-data"))
    monkeypatch.delenv("CNNLAB_DEBUG", raising=False)
    monkeypatch.setenv("CNNLAB_IMPORT", "")

    def call(*words: str) -> Answer:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["cnnlab", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return call
