"""`cnnlab train --plan` as its user types it: it tells, and writes nothing."""

import pytest


@pytest.mark.slow
def test_a_plan_of_a_sweep_shows_every_job_and_writes_nothing(cnnlab, tmp_path):
    words = ["train", "-m", "model=mlp,lenet5", "seed=0,1,1", "trainer=smoke", "sweep.name=s"]
    answer = cnnlab(*words, "--plan")
    assert answer.code == 0
    assert not list(tmp_path.iterdir())
    summary = next(line for line in answer.out.splitlines() if " jobs: " in line)
    assert summary.startswith("4 jobs: 4 new; 2 duplicates left out; about ")
    assert cnnlab(*words[:2], "model=mlp", *words[3:]).code == 0
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    answer = cnnlab(*words, "--plan", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert "4 jobs: 2 new, 2 done; 2 duplicates left out; about " in answer.out
    assert "2 at a time" in answer.out
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_a_plan_refuses_what_training_would(cnnlab, tmp_path):
    answer = cnnlab("train", "-m", "model=mlp,resnet20", "model.depth=20", "--plan")
    assert answer.code == 2
    assert "1 of 2 jobs refused" in answer.err
    assert "model=mlp model.depth=20: model=mlp has no option 'depth'" in answer.err
    assert cnnlab("train", "model=mlq", "--plan").code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_plan_of_a_search_tells_its_bounds_and_writes_nothing(cnnlab, tmp_path):
    words = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=7", "model=mlp", "trainer=smoke"]
    answer = cnnlab("train", "-m", *words, "model.hidden=[16],[64]", "seed=range(0,3)", "--plan")
    assert answer.code == 0, answer.err
    assert "7 trials: 0 finished, 7 to run" in answer.out
    assert "12.7k to 50.9k" in answer.out
    assert not list(tmp_path.iterdir())
