"""The same sweep through every launcher, for real: same folders, same statuses, same results."""

import json
import os
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import Command, descendants, has_begun
from run_folders import MEASURED_COLUMNS

from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.status import state_of

PARALLEL = ["joblib", "submitit_local", "ray"]
NOT_COMPARED = {"sweep", *MEASURED_COLUMNS}
MODEL = '''
from typing import Literal

from torch import nn
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

@MODELS.register("loose")
class Loose(nn.Module):
    """One linear layer with dropout, and a wire."""

    def __init__(self, spec: ImageSpec, *, wire: Literal["red", "loose", "blue"] = "red"):
        super().__init__()
        self.fails = wire == "loose"
        self.dropout = 0.2 if wire == "blue" else 0.1
        self.linear = nn.Linear(spec.num_features, spec.num_classes)

    def forward(self, x):
        if self.fails and x.device.type != "meta":
            raise RuntimeError("a wire came loose")
        return self.linear(nn.functional.dropout(x.flatten(1), self.dropout, self.training))
'''
SWEEP = ["train", "-m", "--import", "loose", "model=loose", "data=digits", "trainer.epochs=2"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loose.py").write_text(MODEL)
    return tmp_path


def contents(run: RunDir) -> dict[str, Any]:
    """What a run has come to, less its times, its memory and its sweep's name."""
    result = {key: value for key, value in run.result().items() if key not in NOT_COMPARED}
    status = run.status()
    weights = []
    if run.last_checkpoint.is_file():
        saved = torch.load(run.last_checkpoint, weights_only=True)
        weights = [tensor.tolist() for tensor in saved["state_dict"].values()]
    return {
        "files": sorted(str(file.relative_to(run.path)) for file in run.path.glob("*")),
        "result": result,
        "state": status["state"],
        "error": status["error"],
        "choices": status["choices"],
        "identity": status["identity"],
        "weights": weights,
        "rows": run.metrics()["val_loss"].tolist() if run.metrics_file.is_file() else [],
    }


@pytest.mark.slow(90)
def test_every_launcher_comes_to_the_same(folder):
    words = [*SWEEP, "model.wire=red,loose,blue"]  # two at a time: a worker gets another one
    came_to = {}
    for launcher in ["in_process", *PARALLEL]:
        more = [f"sweep.name={launcher}", f"hydra/launcher={launcher}"]
        code, said = Command(folder, *words, *more).end()
        assert code == 1, said
        assert "2 of 3 runs done" in said
        assert said.count("RuntimeError: a wire came loose") >= 1, said
        runs = find_runs([folder / "runs" / launcher])
        came_to[launcher] = {run.name: contents(run) for run in runs}
    expected = came_to["in_process"]
    assert sorted(run["state"] for run in expected.values()) == ["done", "done", "failed"]
    for launcher in PARALLEL:
        assert json.dumps(came_to[launcher]) == json.dumps(expected), launcher
    code, said = Command(folder, *words, "sweep.name=joblib", "sweep.retry=false").end()
    assert "2 of 3 jobs are already done" in said  # whichever launcher comes after another


@pytest.mark.slow(60)
@pytest.mark.parametrize(
    ("launcher", "number", "state"),
    [
        ("joblib", signal.SIGINT, "interrupted"),
        ("submitit_local", signal.SIGTERM, "preempted"),
        ("ray", signal.SIGINT, "interrupted"),
    ],
)
def test_a_signal_saves_everywhere_and_the_same_command_goes_on(tmp_path, launcher, number, state):
    words = ["train", "-m", "model=mlp", "data=digits", "seed=0,1,2", "trainer.epochs=3000"]
    words += ["schedule=constant", f"hydra/launcher={launcher}", "sweep.name=s"]
    command = Command(tmp_path, *words)
    command.until(lambda: len(checkpoints(tmp_path)) == 2)
    command.signal(number)
    code, said = command.end()
    assert code == 130, said
    assert said.count("every job saves a checkpoint, then stops") == 1
    begun = find_runs([tmp_path])
    assert {state_of(run)[0] for run in begun} == {state}
    before = {name: epochs(RunDir(name)) for name in checkpoints(tmp_path)}
    command = Command(tmp_path, *words)
    command.until(lambda: all(epochs(RunDir(name)) > n + 2 for name, n in before.items()))
    if launcher == "joblib":
        assert_workers_end_without(command)
        assert {state_of(run)[0] for run in find_runs([tmp_path])} == {"preempted"}
    else:
        command.signal(number)
        command.end()
    for name in before:
        assert RunDir(name).log_file.read_text().count("resumed") == 1
        assert epochs(RunDir(name)) > before[name]


def assert_workers_end_without(command: Command) -> None:
    """The command is killed; its workers save and end by themselves."""
    workers = descendants(command.pid)
    command.signal(signal.SIGKILL)
    command.end()
    until = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < until:
        time.sleep(0.1)
    assert len(workers) >= 2
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def checkpoints(folder: Path) -> list[str]:
    return [str(run.path) for run in find_runs([folder]) if run.last_checkpoint.is_file()]


def epochs(run: RunDir) -> int:
    if not run.metrics_file.is_file():
        return 0
    return len(run.metrics_file.read_text().splitlines()) - 1


@pytest.mark.slow(40)
def test_a_worker_that_the_system_kills_is_replaced(tmp_path):
    words = ["train", "-m", "model=mlp", "data=digits", "seed=0,1", "trainer.epochs=40"]
    words += ["sweep.name=s"]
    command = Command(tmp_path, *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command.until(has_begun(tmp_path))
    (claim, *_) = tmp_path.glob("runs/s/*/claim.json")
    os.kill(json.loads(claim.read_text())["pid"], signal.SIGKILL)
    code, said = command.end()
    assert code == 0, said
    assert all(run.is_done for run in find_runs([tmp_path]))
    logs = [run.log_file.read_text() for run in find_runs([tmp_path])]
    assert any("resumed" in log for log in logs)


@pytest.mark.slow(30)
def test_fail_fast_stops_the_others_and_keeps_what_they_have(folder):
    words = [*SWEEP[:-1], "trainer.epochs=3000", "schedule=constant", "seed=0,1"]
    more = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep.fail_fast=true"]
    code, said = Command(folder, *words, *more, "model.wire=red,loose").end()
    assert code == 1, said
    states = sorted(state_of(run)[0] for run in find_runs([folder]))
    assert "failed" in states
    assert "done" not in states


@pytest.mark.slow(60)
def test_a_search_runs_its_trials_side_by_side(tmp_path):
    """With Ray, which is started by the first trials; tests/sweep/launchers keeps joblib's pool."""
    words = ["train", "-m", "hydra/sweeper=optuna", "model=mlp", "data=digits", "trainer.epochs=2"]
    words += ["optim.lr=tag(log, interval(1e-3, 1e-1))", "hydra.sweeper.n_jobs=2", "sweep.name=s"]
    words += ["hydra.sweeper.n_trials=6", "hydra.sweeper.pruner=median"]
    code, said = Command(tmp_path, *words, "hydra/launcher=ray").end()
    assert code == 0, said
    runs = find_runs([tmp_path])
    assert len(runs) == 6
    assert {state_of(run)[0] for run in runs} <= {"done", "pruned"}
    assert sum("test_acc" in run.result() for run in runs) == 1
    overlaps = sorted((run.status()["started"], run.status()["finished"]) for run in runs)
    assert any(start_ < end for (_, end), (start_, _) in pairwise(overlaps))
