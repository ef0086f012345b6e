"""A grid is counted before its jobs are made."""

import time

import pytest

from cnnlab.app.command import read_command
from cnnlab.app.grid import MAX_JOBS, ends_of_grid, expand_grid, num_jobs
from cnnlab.registry import CnnlabError


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["seed=0,1,2"], 3),
        (["seed=range(100000)"], 100_000),
        (["seed=range(5,1,-2)", "model=mlp,lenet5"], 4),
        (["optim.lr=range(0.1,0.5,0.1)"], 4),
        (["seed=0,1", "seed=0,1,2"], 3),  # the last one holds
        (["model=glob(lenet5*)"], 2),
        (["seed=3"], 1),
    ],
)
def test_the_number_is_that_of_the_jobs(words, number):
    command = read_command(words, True)
    assert num_jobs(command) == number
    if number < 100:
        jobs = expand_grid(command)
        assert len(jobs) == number
        lines = [[str(o.input_line) for o in job] for job in (jobs[0], jobs[-1])]
        assert [[str(o.input_line) for o in job] for job in ends_of_grid(command)] == lines


def test_more_than_anybody_could_run_is_refused_at_once():
    command = read_command([f"seed=range({MAX_JOBS})", "model=mlp,lenet5"], True)
    began = time.process_time()
    with pytest.raises(CnnlabError, match="the grid has 2,000,000 jobs; at most 1,000,000"):
        expand_grid(command)
    assert time.process_time() - began < 1


def test_the_plan_of_a_huge_grid_only_counts(cnnlab, tmp_path):
    answer = cnnlab("train", "-m", "model=mlp", "seed=range(100000)", "--plan")
    assert answer.code == 0, answer.err
    counted, first, last = answer.out.splitlines()
    assert counted.startswith("100,000 jobs, more than the")
    assert "mlp_mnist5k_seed0-" in first
    assert "mlp_mnist5k_seed99999-" in last
    assert list(tmp_path.iterdir()) == []


def test_a_huge_range_is_no_search_space(cnnlab):
    words = ["hydra/sweeper=optuna", "model=mlp", "seed=range(1000000000000)"]
    answer = cnnlab("train", "-m", *words, "--plan")
    assert answer.code == 2
    assert "more than 1,000,000 values; an interval(...) has any number" in answer.err
