"""A full disk: one line, a status where there is room, no stray files; later it goes on."""

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import Command

from cnnlab.runs import durable, run_dir
from cnnlab.runs.durable import DiskFullError
from cnnlab.runs.run_dir import find_runs
from cnnlab.runs.status import state_of

WORDS = ["train", "-m", "model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=32"]
WORDS += ["data.num_val=8", "data.num_test=8", "batch_size=8", "seed=0,1,2", "trainer.epochs=2"]
WORDS += ["sweep.name=s"]
LINE = (
    "cnnlab: the disk of runs/s is full; free some space, then the same command continues from here"
)


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


PLACES = {
    "checkpoint": lambda patch: patch.setattr(torch, "save", full),
    "outputs": lambda patch: patch.setattr(np, "savez", full),
    "event file": lambda patch: patch.setattr(
        "tensorboard.summary.writer.event_file_writer.EventFileWriter.flush", full
    ),
    "texts": lambda patch: patch.setattr(durable.os, "fsync", full),
    "folders": lambda patch: patch.setattr(run_dir.Path, "mkdir", full),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=[] if place == "checkpoint" else pytest.mark.slow)
        for place in PLACES
    ],
)
def test_a_sweep_stops_in_one_line_and_goes_on_later(cnnlab, monkeypatch, place) -> None:
    with monkeypatch.context() as patch:
        PLACES[place](patch)
        answer = cnnlab(*WORDS)
    assert answer.code == 1
    progress = ("epoch", "parameters; ")  # what is trained is said before it
    lines = [x for x in answer.err.splitlines() if not any(word in x for word in progress)]
    assert lines == [LINE]
    runs = find_runs(["runs"])
    assert len(runs) <= 1  # no further job was started
    for run in runs:
        assert state_of(run)[0] == "disk full"
        assert run.status()["error"] == str(DiskFullError())
    stray = [path for path in Path("runs").rglob(".*") if path.name != ".claim.lock"]
    assert [path for path in stray if path.is_file()] == []
    answer = cnnlab(*WORDS, "sweep.retry=false")
    assert answer.code == 0, answer.err
    assert sum(run.is_done for run in find_runs(["runs"])) == 3


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 600 kB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow(30)
@pytest.mark.parametrize(
    ("launcher", "kilobytes"),
    [("in_process", 400), ("joblib", 400)],
)
def test_a_disk_that_is_really_full(tmp_path, small_disk, launcher, kilobytes) -> None:
    """It fills up at the start of a run, within its first checkpoint, or later."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(kilobytes << 10))
    words = [word.replace("model.hidden=[8]", "model.hidden=[256]") for word in WORDS]
    words += [f"runs_dir={small_disk}/runs", f"hydra/launcher={launcher}"]
    code, said = Command(tmp_path / "here", *words).end()
    assert code == 1, said
    assert "Traceback" not in said
    assert said.count("cnnlab: the disk of ") == 1
    for run in find_runs([small_disk]):
        assert state_of(run)[0] in ("disk full", "killed", "preempted")
    assert list(small_disk.rglob(".*.part")) == []
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    code, said = Command(tmp_path / "here", *words).end()
    assert code == 0, said
    assert sum(run.is_done for run in find_runs([small_disk])) == 3
