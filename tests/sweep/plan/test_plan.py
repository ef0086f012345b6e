"""What a command would do and how long it would take, by folders and times made by hand."""

import dataclasses
import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from cnnlab.app.compose import compose
from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.explain.cost import Cost
from cnnlab.runs.claim import claimed
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.plan import estimate as estimating
from cnnlab.sweep.plan.estimate import (
    CHECKPOINT_BYTES,
    CHECKPOINT_SPEED,
    EPOCH_SECONDS,
    RUN_SECONDS,
)
from cnnlab.sweep.plan.plan import Plan, make_plan
from cnnlab.sweep.plan.search import print_search_plan
from cnnlab.sweep.plan.step_time import StepTime
from cnnlab.sweep.plan.table import print_plan, summary

COST = Cost(params=1500, macs=3000)
ONE_SECOND = StepTime(step=1.0, evaluation=0.1, measured=30, device="cpu")
TRAIN, VAL, BATCH = 160, 24, 16  # 10 steps an epoch
EPOCHS = 5
AT_AN_END = EPOCH_SECONDS + CHECKPOINT_BYTES * COST.params / CHECKPOINT_SPEED


class Stopwatch:
    """Stands for ``measure_step``; says the same of every configuration."""

    def __init__(self, taken: StepTime = ONE_SECOND) -> None:
        self.taken = taken
        self.calls: list[dict[str, Any]] = []

    def __call__(self, config: RunConfig, macs: int, **options: Any) -> StepTime:
        self.calls.append({"batch_size": config.batch_size, "macs": macs, **options})
        return self.taken


@pytest.fixture(scope="module")
def config() -> RunConfig:
    words = ["data=synthetic", f"data.num_train={TRAIN}", f"data.num_val={VAL}", "data.size=8"]
    words += ["model=mlp", "model.hidden=[4]", f"trainer.epochs={EPOCHS}", f"batch_size={BATCH}"]
    return compose([*words, "sweep.name=mine"])


@pytest.fixture
def make_job(config: RunConfig, tmp_path: Path) -> Callable[..., Job]:
    def make(
        name: str = "", *, cost: Cost = COST, trainer: dict[str, Any] | None = None, **changes
    ):
        options: TrainerConfig = dataclasses.replace(config.trainer, **(trainer or {}))
        own = dataclasses.replace(config, trainer=options, runs_dir=str(tmp_path), **changes)
        return Job.of(own, {}, name or f"mlp_seed{own.seed}", cost)

    return make


def leave(job: Job, state: str, *, epoch: int | None = None, step: int = 0) -> RunDir:
    """A run folder in which this is what became of the job."""
    run = job.run_dir
    run.checkpoint_dir.mkdir(parents=True)
    run.write_config(job.config.to_dict())
    run.update_status(state=state, identity=job.identity.to_dict())
    if state == "done":
        run.write_result({"val_acc": 0.5})
    if epoch is not None:
        position = {"steps_per_epoch": 10, "epoch": epoch, "step": step, "seconds": 7.0}
        torch.save({"position": position, "state_dict": {}}, run.last_checkpoint)
    return run


def printed(plan: Plan, width: int | None = None) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=width is not None, width=width, color_system=None)
    print_plan(plan, console)
    return [line.rstrip() for line in out.getvalue().splitlines()]


# States


def test_a_job_without_a_folder_is_new(make_job):
    (planned,) = make_plan([make_job()], measure=Stopwatch()).jobs
    assert planned.state == "new"
    assert planned.work.steps == 50
    assert planned.work.epochs == 5
    assert planned.work.evaluated == VAL


@pytest.mark.parametrize("state", ["interrupted", "preempted", "running", "done"])
def test_what_was_stopped_goes_on_from_its_checkpoint(make_job, state):
    job = make_job()
    run = leave(job, state, epoch=2, step=3)
    run.result_file.unlink(missing_ok=True)  # a run that says done without a result is not done
    (planned,) = make_plan([job], measure=Stopwatch()).jobs
    assert planned.state == "to resume"
    assert planned.epoch == 3
    assert planned.work.steps == 50 - 23
    assert planned.work.epochs == 3


def test_what_was_killed_before_its_first_checkpoint_begins_again(make_job):
    job = make_job()
    leave(job, "running")
    (planned,) = make_plan([job], measure=Stopwatch()).jobs
    assert (planned.state, planned.last_state, planned.epoch) == ("to resume", "killed", 1)
    assert planned.work.steps == 50


def test_a_torn_checkpoint_is_no_position(make_job):
    job = make_job()
    leave(job, "interrupted", epoch=2).last_checkpoint.write_bytes(b"PK half of it")
    (planned,) = make_plan([job], measure=Stopwatch()).jobs
    assert planned.work.steps == 50


def test_what_a_living_process_holds_is_running(make_job):
    job = make_job()
    run = leave(job, "running", epoch=2)
    with claimed(run):
        (planned,) = make_plan([job], measure=Stopwatch()).jobs
    assert planned.state == "running"
    assert planned.work is None


def test_what_is_done_is_done(make_job):
    job = make_job()
    leave(job, "done", epoch=5)
    watch = Stopwatch()
    plan = make_plan([job], measure=watch)
    assert plan.jobs[0].state == "done"
    assert plan.jobs[0].work is None
    assert plan.total_seconds == 0
    assert not watch.calls
    assert summary(plan) == "1 job: 1 done; nothing left to do"


@pytest.mark.parametrize("state", ["failed", "diverged", "out of memory"])
@pytest.mark.parametrize("retry", [True, False])
def test_what_failed_is_tried_again_unless_told(make_job, config, state, retry):
    job = make_job(sweep=dataclasses.replace(config.sweep, retry=retry))
    leave(job, state, epoch=1)
    plan = make_plan([job], measure=Stopwatch())
    (planned,) = plan.jobs
    assert (planned.state, planned.last_state) == ("failed before", state)
    assert (planned.work is not None) == retry
    assert any("not retried" in line for line in printed(plan)) == (not retry)


def test_another_identity_is_another_folder(make_job):
    leave(make_job(seed=1), "done")
    (planned,) = make_plan([make_job(seed=2)], measure=Stopwatch()).jobs
    assert planned.state == "new"


def test_a_longer_run_goes_on_where_its_source_stands(make_job):
    source = leave(make_job(), "done", epoch=5)
    job = make_job(trainer={"epochs": 8}, resume=str(source))
    (planned,) = make_plan([job], measure=Stopwatch()).jobs
    assert planned.state == "new"
    assert planned.work.steps == 30


# Times


def test_the_time_of_a_job_by_hand(make_job):
    plan = make_plan([make_job()], measure=Stopwatch())
    (planned,) = plan.jobs
    passes = 6 * planned.work.evaluated * 0.1  # after each epoch, and the test
    assert plan.seconds(planned) == pytest.approx(RUN_SECONDS + 50 + passes + 5 * AT_AN_END)


@pytest.mark.parametrize(
    ("trainer", "steps", "passes", "images"),
    [
        ({"max_steps": 12}, 12, 3, None),  # the second epoch is cut short, and evaluated
        ({"accumulate": 2}, 25, 6, None),
        ({"test": False}, 50, 5, None),
        ({"max_eval_steps": 1}, 50, 6, BATCH),
    ],
)
def test_options_that_change_the_time(make_job, trainer, steps, passes, images):
    plan = make_plan([make_job(trainer=trainer)], measure=Stopwatch())
    (planned,) = plan.jobs
    assert planned.work.steps == steps
    images = planned.work.evaluated if images is None else images
    epochs = passes - trainer.get("test", True)
    expected = RUN_SECONDS + steps + passes * images * 0.1 + epochs * AT_AN_END
    assert plan.seconds(planned) == pytest.approx(expected)


def test_max_time_bounds_what_is_left_of_it(make_job):
    job = make_job(trainer={"max_time": "20s"})
    leave(job, "interrupted", epoch=1)  # 7 seconds are behind it
    assert make_plan([job], measure=Stopwatch()).total_seconds == pytest.approx(RUN_SECONDS + 13)


@pytest.mark.parametrize(
    ("parallel", "expected"),
    [(1, 8.0), (2, 5.0), (3, 5.0), (8, 5.0)],  # the longest job bounds from below
)
def test_jobs_side_by_side(make_job, parallel, expected, monkeypatch):
    monkeypatch.setattr(estimating, "RUN_SECONDS", 0.0)
    monkeypatch.setattr(estimating, "EPOCH_SECONDS", 0.0)
    monkeypatch.setattr(estimating, "CHECKPOINT_BYTES", 0)
    jobs = [make_job(trainer={"max_steps": n, "test": False}, seed=n) for n in (1, 2, 5)]
    plan = make_plan(jobs, parallel, Stopwatch(StepTime(1.0, 0.0, 3, "cpu")))
    assert plan.total_seconds == pytest.approx(expected)


def test_a_configuration_is_measured_once_whatever_the_seed_and_learning_rate(make_job, config):
    slow = {**config.optim, "lr": 0.001}
    jobs = [make_job(seed=seed, optim=optim) for seed in range(9) for optim in (slow, config.optim)]
    watch = Stopwatch()
    make_plan([*jobs, make_job(batch_size=32, trainer={"precision": "bf16"})], measure=watch)
    assert [call["batch_size"] for call in watch.calls] == [16, 32]


@pytest.mark.parametrize(
    "changes",
    [
        {"trainer": {"accumulate": 2}},
        {"trainer": {"precision": "bf16"}},
        {"trainer": {"deterministic": True}},
        {"trainer": {"gradient_clip": 1.0}},
        {"batch_size": 32},
    ],
)
def test_what_changes_a_step_is_measured_by_itself(make_job, changes):
    watch = Stopwatch()
    make_plan([make_job(), make_job(seed=3), make_job(**changes)], measure=watch)
    assert len(watch.calls) == 2


def test_jobs_side_by_side_share_the_threads(make_job, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 12)
    watch = Stopwatch()
    jobs = [make_job(), make_job(trainer={"devices": 2})]
    plan = make_plan(jobs, 3, watch)
    assert [call["threads"] for call in watch.calls] == [4, 2]
    assert summary(plan).endswith("on cpu (3 at a time, 4 threads each)")


def test_many_configurations_share_the_time_to_measure(make_job):
    watch = Stopwatch()
    make_plan([make_job(batch_size=n) for n in range(1, 41)], measure=watch)
    assert [call["seconds"] for call in watch.calls] == [0.25] * 40


def test_past_the_limit_times_are_scaled_by_macs_and_images(make_job, monkeypatch):
    monkeypatch.setattr(estimating, "SECONDS_IN_ALL", 0.0)
    twice = make_job(cost=Cost(1500, 6000), batch_size=80)  # 2 steps an epoch, 5 times the images
    watch = Stopwatch()
    plan = make_plan([make_job(), twice], measure=watch)
    assert len(watch.calls) == 1
    evaluated = plan.jobs[1].work.evaluated
    expected = RUN_SECONDS + 10 * (2 * 5 * 1.0) + 6 * evaluated * 0.2 + 5 * AT_AN_END
    assert plan.seconds(plan.jobs[1]) == pytest.approx(expected)
    assert (
        printed(plan)[-1]
        == "1 configuration not measured for lack of time: scaled from others by MACs"
    )


def test_what_cannot_be_measured_is_told(make_job):
    def measure(config: RunConfig, macs: int, **_: Any) -> StepTime:  # noqa: ARG001
        if config.batch_size == 32:
            raise MemoryError("out of memory")
        return ONE_SECOND

    plan = make_plan([make_job(), make_job("wide", batch_size=32)], measure=measure)
    lines = printed(plan)
    assert next(line for line in lines if line.startswith("wide")).endswith(" ?")
    assert "; at least " in summary(plan)
    assert (
        lines[-1] == "not measured and not included in the total: wide: MemoryError: out of memory"
    )
    wide = make_plan([make_job(batch_size=32)], measure=measure)
    assert summary(wide) == "1 job: 1 new; the time could not be measured"


# What is printed


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


# It changes nothing


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_nothing_is_written(make_job, tmp_path, monkeypatch):
    work = tmp_path / "cwd"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("CNNLAB_DATA", str(work / "data"))
    monkeypatch.setattr(estimating, "SECONDS", 0.01)
    jobs = [make_job(seed=seed, cost=Cost(300, 300)) for seed in range(3)]
    leave(jobs[0], "interrupted", epoch=2)
    leave(jobs[1], "done", epoch=5)
    before, random = files(tmp_path), torch.get_rng_state()
    plan = make_plan(jobs, 2)
    printed(plan)
    assert files(tmp_path) == before
    assert not list(work.rglob("*"))
    assert torch.equal(torch.get_rng_state(), random)
    assert plan.total_seconds > 0
