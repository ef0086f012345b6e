"""A plan as it is printed: a line a job, a summary, remarks."""

import dataclasses
import io
from contextlib import ExitStack

import pytest
from planned_jobs import Stopwatch, leave, printed
from rich.console import Console

from cnnlab.explain.cost import Cost
from cnnlab.runs.claim import claimed
from cnnlab.sweep.plan.plan import Plan, make_plan
from cnnlab.sweep.plan.search import print_search_plan
from cnnlab.sweep.plan.step_time import StepTime
from cnnlab.sweep.plan.table import summary


@pytest.fixture
def mixed(make_job, config) -> Plan:
    """Every state at once, and duplicates."""
    stubborn = dataclasses.replace(config.sweep, retry=False)
    jobs = [make_job(seed=seed) for seed in range(6)]
    jobs += [make_job(seed=6, sweep=stubborn)]
    leave(jobs[1], "interrupted", epoch=2)
    leave(jobs[2], "running", epoch=4, step=9)
    leave(jobs[3], "done", epoch=5)
    leave(jobs[4], "diverged", epoch=0, step=5)
    running = leave(jobs[5], "running", epoch=1)
    leave(jobs[6], "failed")
    asked = [*jobs, jobs[0], dataclasses.replace(jobs[0], name="mlp_hidden4"), jobs[1]]
    with ExitStack() as stack:
        stack.enter_context(claimed(running))
        return make_plan(asked, 2, Stopwatch(StepTime(1.0, 0.0, 30, "cpu")))


def test_the_summary(mixed):
    assert summary(mixed).startswith(
        "7 jobs: 1 new, 2 to resume (from epoch 3 and 5), 1 running, 1 done, 2 failed before; "
        "3 duplicates left out; about 64.5 s on cpu (2 at a time"
    )


def test_a_line_a_job_where_there_is_no_terminal(mixed):
    lines = printed(mixed)
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[2:9]]
    assert [row[:-1] for row in cells] == [
        ["mlp_seed0 (requested 3 times, also as mlp_hidden4)", "new", "1.5k", "3.0k", "50"],
        ["mlp_seed1 (requested 2 times)", "to resume from epoch 3", "1.5k", "3.0k", "30"],
        ["mlp_seed2", "to resume from epoch 5", "1.5k", "3.0k", "1"],
        ["mlp_seed3", "done", "1.5k", "3.0k", "-"],
        ["mlp_seed4", "failed before (diverged)", "1.5k", "3.0k", "45"],
        ["mlp_seed5", "running", "1.5k", "3.0k", "-"],
        ["mlp_seed6", "failed before, not retried", "1.5k", "3.0k", "-"],
    ]
    assert [row[-1] for row in cells] == ["50.8 s", "30.7 s", "1.7 s", "-", "45.8 s", "-", "-"]
    assert lines[9] == summary(mixed)
    assert lines[10].startswith("times are estimates from 30 measured steps on this machine")
    assert "reading and downloading data are not included" in lines[10]


def test_a_terminal_of_80_columns_holds_it(mixed):
    lines = printed(mixed, width=80)
    assert max(map(len, lines)) <= 80
    assert sum("50.8 s" in line for line in lines) == 1


def test_remarks_on_what_the_time_leaves_out(make_job):
    trainer = {"early_stopping": 3, "compile": True, "devices": 2}
    lines = printed(make_plan([make_job(trainer=trainer)], measure=Stopwatch()))
    assert [line.split()[:2] for line in lines[-3:]] == [
        ["early", "stopping"],
        ["measured", "without"],
        ["measured", "on"],
    ]


def test_a_search_by_the_ends_of_its_space(make_job):
    ends = [make_job(), make_job(cost=Cost(90_000, 6_000_000), trainer={"max_steps": 20})]
    leave(ends[0], "done")  # a trial there costs what it costs anywhere
    out = io.StringIO()
    stopwatch = Stopwatch(StepTime(1.0, 0.0, 30, "cpu"))
    print_search_plan(ends, 20, 8, 2, measure=stopwatch, console=Console(file=out, width=60))
    lines = out.getvalue().splitlines()
    assert lines[:4] == [
        "20 trials: 8 finished, 12 to run",
        "params of a trial  1.5k to 90.0k",
        "MACs of a trial    3.0k to 6.0M",
        "time of a trial    20.7 s to 50.8 s",
    ]
    assert lines[4].startswith("in total between 2.1 min and 5.1 min on cpu (2 at a time")
