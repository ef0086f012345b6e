"""What ``hydra.launcher.…`` may say with each ``hydra/launcher=…``, each default once.

The names are those that users of Hydra's own launcher plugins know.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from cnnlab.config import schema
from cnnlab.registry import CnnlabError, Range, nearest

KEY = "hydra.launcher"
Positive = Annotated[int, Range(at_least=1)]
Share = Annotated[float, Range(above=0)]


@dataclass(frozen=True)
class InProcess:
    """One job after another, in this process. It has no options."""


@dataclass(frozen=True)
class Parallel:
    """Several jobs at a time on this machine."""

    n_jobs: int = -1  # jobs at a time; -1: one a core, on GPUs as many as they have slots
    gpus_per_job: Share | None = None  # 0.5: two jobs share a GPU; null: trainer.devices
    threads_per_job: Positive | None = None  # null: cores divided by jobs

    def __post_init__(self) -> None:
        if self.n_jobs < 1 and self.n_jobs != -1:
            raise ValueError(f"n_jobs={self.n_jobs} must be at least 1, or -1 for one a core")
        if self.gpus_per_job is not None and self.gpus_per_job > 1 and self.gpus_per_job % 1:
            raise ValueError(
                f"gpus_per_job={self.gpus_per_job:g} must be a part of one GPU, or whole GPUs"
            )


@dataclass(frozen=True)
class Joblib(Parallel):
    """Worker processes that take one job after another: torch is loaded once in each."""


@dataclass(frozen=True)
class SubmititLocal(Parallel):
    """A new process for every job, as on a cluster."""

    timeout_min: Positive = 60 * 24 * 7  # a job then saves and makes room; half a minute before


@dataclass(frozen=True)
class SubmititSlurm:
    """A SLURM job array. What is not named here goes into ``additional_parameters``."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    timeout_min: Positive = 60
    signal_delay_s: Positive = 120  # a job saves so long before its time is over, and goes on anew
    cpus_per_task: Positive = 4  # also the threads of a job
    gpus_per_node: Annotated[int, Range(at_least=0)] | None = None  # null: asks for none
    mem_gb: Share | None = None
    array_parallelism: Positive = 256  # jobs at a time
    setup: tuple[str, ...] = ()  # shell lines before a job: module load cuda
    additional_parameters: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class RayInit:
    """What ``ray.init`` is told; the most used of it."""

    address: str | None = None  # auto, or ray://HOST:10001; null starts Ray on this machine
    num_cpus: Positive | None = None  # of a Ray started here
    num_gpus: Annotated[int, Range(at_least=0)] | None = None


@dataclass(frozen=True)
class RayRemote:
    """What one job asks of the cluster."""

    num_cpus: Share = 1.0  # also the threads of a job, at least one
    num_gpus: Annotated[float, Range(at_least=0)] | None = None  # 0.5; null: trainer.devices


@dataclass(frozen=True)
class RayNode:
    """The two halves of a Ray launch."""

    init: RayInit = RayInit()
    remote: RayRemote = RayRemote()


@dataclass(frozen=True)
class Ray:
    """Tasks on a Ray of this machine, or on a cluster whose hosts share the runs' folder."""

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
        CnnlabError: a launcher that is not ours, an ill-typed value, or the package that does the
            work is not installed.
    """
    if launcher not in LAUNCHERS:
        hint = nearest(launcher, LAUNCHERS)
        raise CnnlabError(f"hydra/launcher={launcher} is not one of cnnlab's launchers{hint}")
    package = launcher.partition("_")[0]
    if package in EXTRAS and importlib.util.find_spec(package) is None:
        raise CnnlabError(
            f"hydra/launcher={launcher} needs {package}: pip install 'cnnlab[{EXTRAS[package]}]'"
        )
    options: Options = schema.check(KEY, node, LAUNCHERS[launcher])
    return options
