"""From a launcher's options to its engine, and to what each job gets of this machine."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from cnnlab.runs.job import Job
from cnnlab.sweep.launchers.engine import Engine
from cnnlab.sweep.launchers.gpus import GpuSlots, cores, partition_gpus, threads
from cnnlab.sweep.launchers.options import (
    InProcess,
    Joblib,
    Options,
    Parallel,
    Ray,
    SubmititLocal,
    SubmititSlurm,
)

Parallelised = Joblib | SubmititLocal | SubmititSlurm | Ray
SUBMITIT = ".submitit"  # submitit's own files, in the sweep's folder


@dataclass(frozen=True)
class Launch:
    """An engine, and the environment that its workers set before they load torch."""

    engine: Engine
    environment: dict[str, str]
    slots: GpuSlots | None = None


def launch_for(options: Parallelised, jobs: Sequence[Job]) -> Launch:
    """The engine of a launcher, prepared for these jobs.

    Raises:
        CnnlabError: a job needs more GPUs than there are.
    """
    folder = jobs[0].run_dir.path.parent / SUBMITIT
    if isinstance(options, SubmititSlurm):
        from cnnlab.sweep.launchers.with_submitit import SubmititEngine

        return Launch(SubmititEngine(options, folder), threads(options.cpus_per_task))
    if isinstance(options, Ray):
        from cnnlab.sweep.launchers.with_ray import RayEngine

        remote = options.ray.remote
        gpus = _devices(jobs) * bool(_visible_gpus(jobs))
        num_gpus = gpus if remote.num_gpus is None else remote.num_gpus
        environment = threads(max(1, int(remote.num_cpus)))
        return Launch(RayEngine(options.ray, num_gpus), environment)

    visible = _visible_per_job(options, jobs)
    slots = GpuSlots(_lock_folder(visible), visible) if visible else None
    parallel = max_parallel(options, jobs)
    environment = threads(options.threads_per_job or max(1, cores() // parallel))
    if isinstance(options, Joblib):
        from cnnlab.sweep.launchers.with_joblib import JoblibEngine

        return Launch(JoblibEngine(parallel, environment), environment, slots)
    from cnnlab.sweep.launchers.with_submitit import SubmititEngine

    return Launch(SubmititEngine(options, folder, parallel), environment, slots)


def max_parallel(options: Options, jobs: Sequence[Job]) -> int:
    """How many of these jobs run in parallel; for a Ray cluster a guess from this machine's cores.

    Raises:
        CnnlabError: a job needs more GPUs than there are.
    """
    if isinstance(options, InProcess):
        return 1
    if isinstance(options, SubmititSlurm):
        return min(options.array_parallelism, len(jobs))
    if isinstance(options, Ray):
        there = options.ray.init.num_cpus or cores()
        return max(1, min(int(there / options.ray.remote.num_cpus), len(jobs)))
    slots = len(_visible_per_job(options, jobs))
    most = slots or max(1, cores() // _devices(jobs))
    n_jobs = options.n_jobs if options.n_jobs > 0 else most
    return min(n_jobs, slots or n_jobs, len(jobs))


def _devices(jobs: Sequence[Job]) -> int:
    return max(job.config.trainer.devices for job in jobs)


def _visible_per_job(options: Parallel, jobs: Sequence[Job]) -> tuple[str, ...]:
    """CUDA_VISIBLE_DEVICES of each parallel job; empty where no job uses a GPU."""
    gpus = _visible_gpus(jobs)
    if not gpus and options.gpus_per_job is None:
        return ()
    return tuple(partition_gpus(gpus, options.gpus_per_job or _devices(jobs)))


def _visible_gpus(jobs: Sequence[Job]) -> list[str]:
    """The GPUs of this machine, where a job uses one; asks the driver, starts nothing on them."""
    if all(job.config.trainer.accelerator in ("cpu", "mps") for job in jobs):
        return []
    listed = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
    return listed or [str(number) for number in range(torch.cuda.device_count())]


@cache
def _lock_folder(_visible: tuple[str, ...]) -> str:
    """One folder for all launches of this process with these slots: its workers are reused."""
    folder = tempfile.mkdtemp(prefix="cnnlab-gpus-")
    atexit.register(shutil.rmtree, Path(folder), ignore_errors=True)
    return folder
