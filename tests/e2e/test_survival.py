"""A sweep that is killed again and again ends as if it had never been disturbed."""

import random
import signal
import time

import numpy as np
import pytest
import torch
from commands import Command, has_begun, has_saved

from cnnlab.runs.run_dir import RunDir, find_runs

TIMES = ["seconds", "images_per_second"]
SWEEP = [
    *("train", "-m", "model=mlp", "model.hidden=[16]", "model.dropout=0.3", "data=digits"),
    *("data.augment.crop=2", "data.augment.cutout=4", "optim.lr=0.1,0.02", "seed=0,1,2,3"),
    *("trainer.epochs=4", "trainer.checkpoint_every=2", "sweep.name=sweep"),
]


def assert_equal(one: RunDir, other: RunDir) -> None:
    first = torch.load(one.last_checkpoint, weights_only=True)["state_dict"]
    second = torch.load(other.last_checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert one.metrics().drop(columns=TIMES).equals(other.metrics().drop(columns=TIMES))
    with (
        np.load(one.outputs_file("logits")) as ours,
        np.load(other.outputs_file("logits")) as theirs,
    ):
        assert np.array_equal(ours["logits"], theirs["logits"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The runs of the sweep that nobody disturbed, in one process, with a hash seed of its own."""
    folder = tmp_path_factory.mktemp("whole")
    code, said = Command(folder, *SWEEP, fresh=True).end()
    assert code == 0, said
    return {run.name: run for run in find_runs([folder])}


@pytest.mark.slow(60)
@pytest.mark.parametrize(("launcher", "kills"), [("in_process", 3), ("joblib", 2)])
def test_a_sweep_killed_at_random_moments(tmp_path, whole, launcher, kills):
    words = [*SWEEP, f"hydra/launcher={launcher}"]
    draw = random.Random(0)
    killed = 0
    while killed < kills:
        command = Command(tmp_path, *words)
        command.until(has_saved(tmp_path))
        time.sleep(draw.uniform(0, 0.5))
        killed += command.is_running
        command.kill()
    code, said = Command(tmp_path, *words).end()
    assert code == 0, said
    survived = {run.name: run for run in find_runs([tmp_path])}
    assert len(whole) == 8
    assert whole.keys() == survived.keys()
    for name, run in whole.items():
        assert_equal(run, survived[name])
    logs = [run.log_file.read_text() for run in survived.values()]
    assert any("resumed" in log for log in logs)
    assert not any(log.rfind(" started ") > log.find("resumed") >= 0 for log in logs)


@pytest.mark.slow
def test_two_processes_share_a_sweep(tmp_path):
    for command in [Command(tmp_path, *SWEEP) for _ in range(2)]:
        assert command.end()[0] == 0
    runs = find_runs([tmp_path])
    assert len(runs) == 8
    assert all(run.is_done for run in runs)
    for run in runs:
        assert run.log_file.read_text().count(" started ") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "preempted")]
)
def test_a_signal_saves_and_stops_and_the_same_command_goes_on(tmp_path, number, state):
    words = ["train", "model=mlp", "data=digits", "trainer.epochs=2000", "schedule=constant"]
    command = Command(tmp_path, *words)
    command.until(has_begun(tmp_path))
    command.signal(number)
    assert command.end()[0] == 130
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == state
    before = torch.load(run.last_checkpoint, weights_only=True)["position"]
    command = Command(tmp_path, *words)
    command.until(lambda: len(run.metrics()) > before["epoch"] + 2)
    command.signal(signal.SIGTERM)
    command.end()
    after = torch.load(run.last_checkpoint, weights_only=True)["position"]
    assert after["epoch"] >= before["epoch"] + 2
    assert run.log_file.read_text().count("resumed") == 1
