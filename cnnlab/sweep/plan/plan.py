"""What a command would do, and about how long it would take: nothing is trained or written."""

import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from cnnlab.config.options import seconds
from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.chunks import Position, steps_per_epoch
from cnnlab.registry import DATASETS
from cnnlab.runs.claim import probable_holder
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState, may_run
from cnnlab.runs.status import state_of
from cnnlab.sweep.plan.estimate import Estimate, MeasureStep, Work, estimate, work_left
from cnnlab.sweep.plan.step_time import measure_step

State = Literal["new", "to resume", "running", "done", "failed before"]
STATES: tuple[State, ...] = ("new", "to resume", "running", "done", "failed before")
UNREADABLE = (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError)


@dataclass(frozen=True)
class PlannedJob:
    """One run of a plan.

    Attributes:
        names: of the jobs that ask for it: several where they are the same run.
        state: what its folder says; a failed one is retried if ``work`` is not None.
        last_state: the folder's own word for it, such as ``killed`` or ``diverged``.
        epoch: in which it continues, from 1.
        work: what this command would do of it; None for nothing.
    """

    job: Job
    names: tuple[str, ...]
    state: State
    last_state: RunState
    epoch: int
    work: Work | None


@dataclass(frozen=True)
class Plan:
    """The runs of a command, in its order, and the measured times of what is left of them."""

    jobs: tuple[PlannedJob, ...]
    estimate: Estimate

    def seconds(self, planned: PlannedJob) -> float | None:
        """How long a job will take; None where it has nothing to do or cannot be measured."""
        return None if planned.work is None else self.estimate.seconds(planned.work)

    @cached_property
    def total_seconds(self) -> float:
        """From the first job's start to the last one's end, with jobs evenly distributed."""
        return self.estimate.side_by_side([self.seconds(each) or 0.0 for each in self.jobs])

    @property
    def duplicates(self) -> int:
        """Jobs that are left out, since another is the same."""
        return sum(len(planned.names) - 1 for planned in self.jobs)


def make_plan(jobs: Sequence[Job], parallel: int = 1, measure: MeasureStep = measure_step) -> Plan:
    """Look at each job's folder, and measure a few steps of each configuration with work left.

    Args:
        jobs: all that the command asks for, duplicates too.
        parallel: how many will run side by side.
        measure: called as ``measure(config, macs, seconds=..., threads=...)``.
    """
    same: dict[str, list[Job]] = {}
    for job in jobs:
        same.setdefault(job.identity.key, []).append(job)
    runs = ((alike[0], tuple(job.name for job in alike)) for alike in same.values())
    planned = tuple(_look_at(job, names) for job, names in runs)
    left = [each.job for each in planned if each.work is not None]
    return Plan(planned, estimate(left, parallel, measure))


def total_work(job: Job) -> Work:
    """All that a job does from its beginning."""
    dataset: ImageDataset = build(DATASETS, job.config.data)
    return work_left(job, dataset, _beginning(job, dataset))


def _look_at(job: Job, names: tuple[str, ...]) -> PlannedJob:
    folder = job.run_dir
    last_state, _ = state_of(folder)
    dataset: ImageDataset = build(DATASETS, job.config.data)
    position = _beginning(job, dataset)
    _restore_position(position, _checkpoint(job, folder))
    state = _state(folder, last_state)
    runs = state != "running" and may_run(last_state, retry=job.config.sweep.retry)
    work = work_left(job, dataset, position) if runs else None
    return PlannedJob(job, names, state, last_state, position.epoch + 1, work)


def _state(folder: RunDir, last_state: RunState) -> State:
    if last_state is RunState.DONE:
        return "done"
    if probable_holder(folder) is not None:
        return "running"
    if last_state.is_failure:
        return "failed before"
    return "new" if last_state is RunState.NOT_STARTED else "to resume"


def _beginning(job: Job, dataset: ImageDataset) -> Position:
    trainer = job.config.trainer
    steps = steps_per_epoch(dataset.num_train, job.config.batch_size, trainer.accumulate)
    return Position(steps, trainer.max_steps, seconds(trainer.max_time))


def _checkpoint(job: Job, folder: RunDir) -> Path:
    """The checkpoint that the job would continue from; the file may be missing."""
    if folder.last_checkpoint.is_file() or job.config.resume is None:
        return folder.last_checkpoint
    return RunDir(Path(os.path.expanduser(job.config.resume))).last_checkpoint


def _restore_position(position: Position, checkpoint: Path) -> None:
    """Set the position to that of a checkpoint, of which little else is read from the disk."""
    try:
        saved = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)["position"]
        position.epoch, position.step = saved["epoch"], saved["step"]
        position.seconds = saved["seconds"]
    except UNREADABLE:  # none yet, or none that training could read: from the beginning
        pass
