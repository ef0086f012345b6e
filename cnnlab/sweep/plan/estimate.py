"""How long jobs will take: a few steps measured for each configuration, not for each job."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.chunks import Position
from cnnlab.runs.job import Job
from cnnlab.sweep.plan.step_time import StepTime, measure_step
from cnnlab.text import first_line, plural

SECONDS, SECONDS_IN_ALL = 2.0, 20.0  # for one configuration's steps; for all, with setting up

# What a run costs beside its steps and evaluations, measured on one core of a server: its start,
# TensorBoard, the picture of its test; at an epoch's end metrics and the checkpoint.
RUN_SECONDS = 0.7
EPOCH_SECONDS = 0.01
CHECKPOINT_BYTES = 8  # of a parameter and what the optimiser keeps of it
CHECKPOINT_SPEED = 150e6  # bytes per second

MeasureStep = Callable[..., StepTime]  # as measure_step


@dataclass(frozen=True)
class Work:
    """What is left of a job."""

    job: Job
    steps: int
    epochs: int
    evaluated: int  # images of one evaluation
    max_seconds: float | None  # by trainer.max_time

    def seconds(self, taken: StepTime) -> float:
        """An estimate, by what its configuration takes."""
        trainer = self.job.config.trainer
        passes = (
            math.ceil(self.epochs / trainer.val_every) + trainer.reads_test_set
        )  # a test counts as large
        saving = CHECKPOINT_BYTES * self.job.cost.params / CHECKPOINT_SPEED
        training = (
            self.steps * taken.step
            + passes * self.evaluated * taken.evaluation
            + self.epochs * (EPOCH_SECONDS + saving)
        )
        return RUN_SECONDS + min(training, self.max_seconds or training)


def work_left(job: Job, dataset: ImageDataset, position: Position) -> Work:
    """What a job still has to do from ``position`` on."""
    trainer, per_epoch = job.config.trainer, position.steps_per_epoch
    total = job.config.epochs * per_epoch
    if position.max_steps is not None:
        total = min(total, position.max_steps)
    steps = 0 if position.out_of_time else max(0, total - position.global_step)
    most = trainer.max_eval_steps
    evaluated = dataset.num_val
    if trainer.overfit is not None:
        evaluated = trainer.overfit * job.config.batch_size
    return Work(
        job,
        steps,
        epochs=-(-total // per_epoch) - position.epoch if steps else 0,
        evaluated=evaluated if most is None else min(evaluated, most * job.config.batch_size),
        max_seconds=position.max_seconds and max(0.0, position.max_seconds - position.seconds),
    )


@dataclass(frozen=True)
class Estimate:
    """What was measured, and for how many jobs at a time.

    Attributes:
        times: of each configuration; without those that failed.
        scaled: configurations that no time was left for; theirs is another's by its MACs.
        failed: of each configuration that cannot be measured, why.
    """

    times: Mapping[str, StepTime]
    scaled: int
    failed: Mapping[str, str]
    parallel: int
    threads: int  # of a job

    def seconds(self, work: Work) -> float | None:
        """How long the work takes; None where its configuration could not be measured."""
        taken = self.times.get(configuration(work.job.config))
        return None if taken is None else work.seconds(taken)

    def side_by_side(self, times: Sequence[float]) -> float:
        """The least time for jobs of these durations, with ``parallel`` of them at a time."""
        return max(max(times, default=0.0), sum(times) / self.parallel)

    @property
    def place(self) -> str:
        """``on cpu (4 at a time, 1 thread each)``"""
        devices = " and ".join(sorted({taken.device for taken in self.times.values()}))
        each = f", {plural(self.threads, 'thread')} each" if devices == "cpu" else ""
        parallel_jobs = f" ({self.parallel} at a time{each})" if self.parallel > 1 else ""
        return f"on {devices}{parallel_jobs}"

    @property
    def explanation(self) -> list[str]:
        """Lines on what the times are, and what they leave out."""
        steps = sorted(taken.measured for taken in self.times.values() if taken.measured)
        lines = []
        if steps:
            number = f"{steps[0]} to {steps[-1]}" if steps[0] < steps[-1] else f"{steps[0]}"
            noun = "step" if steps[-1] == 1 else "steps"
            of_each = f" of each of {len(steps)} configurations" if len(steps) > 1 else ""
            lines.append(
                f"times are estimates from {number} measured {noun}{of_each} "
                f"on this machine, on random images, plus {RUN_SECONDS} s of overhead per run; "
                "reading and downloading data are not included"
            )
        if self.scaled:
            missed = plural(self.scaled, "configuration")
            lines.append(f"{missed} not measured for lack of time: scaled from others by MACs")
        return lines + [
            f"not measured and not included in the total: {why}" for why in self.failed.values()
        ]


def estimate(jobs: Sequence[Job], parallel: int, measure: MeasureStep = measure_step) -> Estimate:
    """Measure the configurations of ``jobs``, with the threads that each of ``parallel`` gets."""
    different: dict[str, Job] = {}
    for job in jobs:
        different.setdefault(configuration(job.config), job)
    threads = max(1, torch.get_num_threads() // parallel)
    each = min(SECONDS, SECONDS_IN_ALL / 2 / max(1, len(different)))
    times: dict[str, StepTime] = {}
    failed: dict[str, str] = {}
    late: dict[str, Job] = {}
    end = time.monotonic() + SECONDS_IN_ALL
    for key, job in different.items():
        if times and time.monotonic() > end:
            late[key] = job
            continue
        share = max(1, threads // job.config.trainer.devices)
        try:
            times[key] = measure(job.config, job.cost.macs, seconds=each, threads=share)
        except Exception as error:  # out of memory, say: the plan continues and reports it
            failed[key] = f"{job.name}: {type(error).__name__}: {first_line(error)}"
    measured = [(different[key], taken) for key, taken in times.items()]
    times |= {key: _scaled(job, measured) for key, job in late.items()}
    return Estimate(times, len(late), failed, parallel, threads)


def configuration(config: RunConfig) -> str:
    """What the time of a step depends on, as text: neither the seed nor optim.lr and the like."""
    trainer = config.trainer
    optimizer = {key: value for key, value in config.optim.items() if not _is_number(value)}
    parts = (config.model, config.data, optimizer, config.batch_size)
    augmentation = (config.augment, trainer.overfit is None)
    freezing = (config.init.freeze, config.init.head)
    device = (trainer.accelerator, trainer.devices, trainer.precision, trainer.deterministic)
    arithmetic = (trainer.channels_last, trainer.tf32)
    steps = (trainer.accumulate, trainer.gradient_clip is None)
    return repr((parts, augmentation, freezing, device, arithmetic, steps))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scaled(job: Job, measured: Sequence[tuple[Job, StepTime]]) -> StepTime:
    """The time of whichever was measured with the nearest multiply-adds, in their proportion."""

    def macs(of: Job) -> float:
        return max(1, of.cost.macs)

    def images(of: Job) -> int:
        return of.config.batch_size * of.config.trainer.accumulate

    near, taken = min(measured, key=lambda pair: abs(math.log(macs(pair[0]) / macs(job))))
    ratio = macs(job) / macs(near)
    return dataclasses.replace(
        taken,
        step=taken.step * ratio * images(job) / images(near),
        evaluation=taken.evaluation * ratio,
        measured=0,
    )
