"""What ``hydra.launcher.…`` may say with each ``hydra/launcher=…``, each default once.

The names are those that users of Hydra's own launcher plugins know.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from cnnlab.config import schema
from cnnlab.config.check import check
from cnnlab.registry import CnnlabError, Range

KEY = "hydra.launcher"
Positive = Annotated[int, Range(at_least=1)]
PositiveFloat = Annotated[float, Range(above=0)]


@dataclass(frozen=True)
class InProcess:
    """One job after another, in this process; no options."""


@dataclass(frozen=True)
class Parallel:
    """Several jobs at a time on this machine.

    Args:
        n_jobs: number of jobs at a time; -1 is one per core, or as many as the GPUs have room for.
        gpus_per_job: GPUs of each job; 0.5 lets two jobs share one, null is trainer.devices.
        threads_per_job: CPU threads of each job; null is the cores divided by the jobs.
    """

    n_jobs: int = -1
    gpus_per_job: PositiveFloat | None = None
    threads_per_job: Positive | None = None

    def __post_init__(self) -> None:
        if self.n_jobs < 1 and self.n_jobs != -1:
            raise ValueError(f"n_jobs={self.n_jobs} must be at least 1, or -1 for one per core")
        if self.gpus_per_job is not None and self.gpus_per_job > 1 and self.gpus_per_job % 1:
            raise ValueError(
                f"gpus_per_job={self.gpus_per_job:g} must be a fraction below 1 or a whole number"
            )


@dataclass(frozen=True)
class Joblib(Parallel):
    """Worker processes, each of which loads torch once and runs one job after another."""


@dataclass(frozen=True)
class SubmititLocal(Parallel):
    """A new process for every job, as on a cluster.

    Args:
        timeout_min: time limit of a job, in minutes; half a minute before, it saves and stops.
    """

    timeout_min: Positive = 60 * 24 * 7


@dataclass(frozen=True)
class SubmititSlurm:
    """A SLURM job array.

    Args:
        partition: SLURM partition; null is the cluster's default.
        account: account that is charged; null is the cluster's default.
        qos: quality of service; null is the cluster's default.
        constraint: features that a node must have, such as a100; null is any node.
        timeout_min: time limit of a job, in minutes; a job that makes progress is resubmitted.
        signal_delay_s: seconds before the time limit at which a job saves, to be resubmitted.
        cpus_per_task: cores of each job, also its CPU threads.
        gpus_per_node: GPUs of each job; null requests none.
        mem_gb: memory of each job, in GB; null is the cluster's default.
        array_parallelism: number of jobs of the array at a time.
        setup: shell lines that run before a job, such as "module load cuda".
        additional_parameters: any other option of sbatch, by its long name.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    timeout_min: Positive = 60
    signal_delay_s: Positive = 120
    cpus_per_task: Positive = 4
    gpus_per_node: Annotated[int, Range(at_least=0)] | None = None
    mem_gb: PositiveFloat | None = None
    array_parallelism: Positive = 256
    setup: tuple[str, ...] = ()
    additional_parameters: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class RayInit:
    """The most common arguments of ``ray.init``.

    Args:
        address: auto, or ray://HOST:10001; null starts Ray on this machine.
        num_cpus: cores of a Ray started on this machine; null is all.
        num_gpus: GPUs of a Ray started on this machine; null is all.
    """

    address: str | None = None
    num_cpus: Positive | None = None
    num_gpus: Annotated[int, Range(at_least=0)] | None = None


@dataclass(frozen=True)
class RayRemote:
    """The resources that one job requests from the cluster.

    Args:
        num_cpus: cores of each job, also its CPU threads (at least one).
        num_gpus: GPUs of each job; 0.5 lets two jobs share one, null is trainer.devices.
    """

    num_cpus: PositiveFloat = 1.0
    num_gpus: Annotated[float, Range(at_least=0)] | None = None


@dataclass(frozen=True)
class RayNode:
    """Ray itself, and the resources of each job.

    Args:
        init: arguments of ``ray.init``.
        remote: resources of each job.
    """

    init: RayInit = RayInit()
    remote: RayRemote = RayRemote()


@dataclass(frozen=True)
class Ray:
    """Ray tasks on this machine, or on a cluster whose hosts share the runs' folder.

    Args:
        ray: arguments of Ray.
    """

    ray: RayNode = RayNode()


Options = InProcess | Joblib | SubmititLocal | SubmititSlurm | Ray
LAUNCHERS: dict[str, type[Options]] = {
    "in_process": InProcess,
    "joblib": Joblib,
    "submitit_local": SubmititLocal,
    "submitit_slurm": SubmititSlurm,
    "ray": Ray,
}
EXTRAS = {"joblib": "parallel", "submitit": "slurm", "ray": "ray"}  # package -> extra


def defaults(launcher: str) -> dict[str, Any]:
    """The options of a launcher as a config node."""
    return dict(schema.to_dict(LAUNCHERS[launcher]()))


def parse(launcher: str, node: Mapping[str, Any]) -> Options:
    """The options of a composed ``hydra.launcher``.

    Raises:
        CnnlabError: an ill-typed value, or the package that does the work is not installed.
    """
    package = launcher.partition("_")[0]
    if package in EXTRAS and importlib.util.find_spec(package) is None:
        raise CnnlabError(
            f"hydra/launcher={launcher} needs {package}: pip install 'cnnlab[{EXTRAS[package]}]'"
        )
    options: Options = check(KEY, node, LAUNCHERS[launcher])
    return options
