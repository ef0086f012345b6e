"""What a command would do and how long it would take, by folders and times made by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from planned_jobs import AT_AN_END, BATCH, ONE_SECOND, VAL, Stopwatch, leave, printed

from cnnlab.config.options import RunConfig
from cnnlab.explain.cost import Cost
from cnnlab.runs.claim import claimed
from cnnlab.sweep.plan import estimate as estimating
from cnnlab.sweep.plan.estimate import RUN_SECONDS
from cnnlab.sweep.plan.plan import make_plan
from cnnlab.sweep.plan.step_time import StepTime
from cnnlab.sweep.plan.table import summary

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
