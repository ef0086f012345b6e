"""A sweep that is killed again and again ends as if it had never been disturbed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.runs.run_dir import RunDir, find_runs

TIMES = ["seconds", "images_per_second"]
SWEEP = [
    *("train", "-m", "model=mlp", "model.hidden=[16]", "model.dropout=0.3", "data=digits"),
    *("data.augment.crop=2", "data.augment.cutout=4", "optim.lr=0.1,0.02", "seed=0,1,2,3,4,5"),
    *("trainer.epochs=4", "trainer.checkpoint_every=2", "sweep.name=sweep"),
]


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    program = "from cnnlab.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def assert_equal(one: RunDir, other: RunDir) -> None:
    first = torch.load(one.last_checkpoint, weights_only=True)["state_dict"]
    second = torch.load(other.last_checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert one.metrics().drop(columns=TIMES).equals(other.metrics().drop(columns=TIMES))
    with np.load(one.logits_file) as ours, np.load(other.logits_file) as theirs:
        assert np.array_equal(ours["logits"], theirs["logits"])


def has_begun(folder: Path) -> Callable[[], bool]:
    """Whether a run that was not there at the time of this call has a checkpoint by now."""
    seen = {run.name for run in find_runs([folder]) if run.last_checkpoint.is_file()}
    return lambda: any(
        run.last_checkpoint.is_file() for run in find_runs([folder]) if run.name not in seen
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.02)


@pytest.mark.slow
def test_a_sweep_killed_at_five_random_moments(tmp_path):
    assert start(tmp_path / "whole", *SWEEP).wait() == 0
    draw = random.Random(0)
    killed = 0
    while killed < 5:
        process = start(tmp_path / "killed", *SWEEP)
        wait_until(has_begun(tmp_path / "killed"), process)
        time.sleep(draw.uniform(0, 0.5))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert start(tmp_path / "killed", *SWEEP).wait() == 0
    whole = {run.name: run for run in find_runs([tmp_path / "whole"])}
    survived = {run.name: run for run in find_runs([tmp_path / "killed"])}
    assert len(whole) == 12
    assert whole.keys() == survived.keys()
    for name, run in whole.items():
        assert_equal(run, survived[name])
    logs = [run.log_file.read_text() for run in survived.values()]
    assert any("went on with" in log for log in logs)
    assert not any(log.rfind(" started ") > log.find("went on with") >= 0 for log in logs)


@pytest.mark.slow
def test_two_processes_share_a_sweep(tmp_path):
    processes = [start(tmp_path, *SWEEP) for _ in range(2)]
    for process in processes:
        process.wait()
    runs = find_runs([tmp_path])
    assert len(runs) == 12
    assert all(run.is_done for run in runs)
    for run in runs:
        assert run.log_file.read_text().count(" started ") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "preempted")]
)
def test_a_signal_saves_and_stops_and_the_same_command_goes_on(tmp_path, number, state):
    words = ["train", "model=mlp", "data=digits", "trainer.epochs=2000", "schedule=constant"]
    process = start(tmp_path, *words)
    wait_until(has_begun(tmp_path), process)
    process.send_signal(number)
    assert process.wait() == 130
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == state
    before = torch.load(run.last_checkpoint, weights_only=True)["position"]
    process = start(tmp_path, *words)
    wait_until(lambda: len(run.metrics()) > before["epoch"] + 2, process)
    process.send_signal(signal.SIGTERM)
    process.wait()
    after = torch.load(run.last_checkpoint, weights_only=True)["position"]
    assert after["epoch"] >= before["epoch"] + 2
    assert run.log_file.read_text().count("went on with") == 1
