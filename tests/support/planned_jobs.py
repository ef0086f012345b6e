"""Jobs to be planned, what is left of them in their folders, and a stopwatch that is told."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from cnnlab.app.compose import compose
from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.explain.cost import Cost
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.plan.estimate import CHECKPOINT_BYTES, CHECKPOINT_SPEED, EPOCH_SECONDS
from cnnlab.sweep.plan.plan import Plan
from cnnlab.sweep.plan.step_time import StepTime
from cnnlab.sweep.plan.table import print_plan

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
