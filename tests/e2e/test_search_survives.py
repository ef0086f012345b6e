"""A search killed with SIGKILL and started again is the search that nobody disturbed."""

import random
import time
from pathlib import Path

import pandas as pd
import pytest
from commands import Command

from cnnlab.runs.run_dir import find_runs

SEARCH = [
    *("train", "-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=20", "sweep.name=s"),
    *("hydra.sweeper.pruner=asha", "data=digits", "model=mlp", "model.hidden=[16],[32]"),
    *("model.dropout=0.1", "trainer.epochs=4", "optim.lr=tag(log, interval(1e-3, 1))"),
]


def begun(folder: Path) -> int:
    return len(list(folder.glob("runs/s/*/status.json")))


def trials(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "runs/s/search/trials.csv")


@pytest.mark.slow(50)
def test_killed_and_restarted_it_ends_with_the_same_twenty_trials(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert Command(whole, *SEARCH, fresh=True).end()[0] == 0  # with a hash seed of its own
    draw = random.Random(0)
    for goal in (4, 13):
        command = Command(killed, *SEARCH)
        command.until(lambda goal=goal: begun(killed) >= goal)
        time.sleep(draw.uniform(0, 0.5))
        command.kill()
    assert Command(killed, *SEARCH).end()[0] == 0
    expected, table = trials(whole), trials(killed)
    assert list(table["trial"]) == list(range(20))
    assert table.drop(columns="run").equals(expected.drop(columns="run"))
    assert 0 < (table["state"] == "pruned").sum() < 20
    runs = find_runs([killed])
    assert len(runs) == table["run"].nunique()
    assert sum("test_acc" in run.result() for run in runs) == 1


@pytest.mark.slow(20)
def test_two_processes_share_a_search(tmp_path):
    both = [Command(tmp_path, *SEARCH, "hydra.sweeper.sampler=random") for _ in range(2)]
    assert [command.end()[0] for command in both] == [0, 0]
    assert Command(tmp_path, *SEARCH).end()[0] == 0
    table = trials(tmp_path)
    assert list(table["trial"]) == list(range(20))
    assert set(table["state"]) == {"complete", "pruned"}
    for run in find_runs([tmp_path]):
        log = run.log_file.read_text()
        assert log.count("started") + log.count("resumed") == 1
