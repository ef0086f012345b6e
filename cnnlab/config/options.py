"""The run-level options, each default once, and the checks that need more than one of them."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from cnnlab.config import schema
from cnnlab.registry import (
    CALLBACKS,
    DATASETS,
    LOGGERS,
    MODELS,
    OPTIMIZERS,
    SCHEDULES,
    CnnlabError,
    Range,
    Registry,
)
from cnnlab.task import Task, task_named

PositiveInt = Annotated[int, Range(at_least=1)]
GROUPS: dict[str, Registry] = {r.kind: r for r in (MODELS, DATASETS, OPTIMIZERS, SCHEDULES)}
# Groups of which several may be chosen, or none: logger=[tensorboard,csv]
LISTS: dict[str, Registry] = {r.kind: r for r in (LOGGERS, CALLBACKS)}
DEFAULT_EPOCHS = 10  # where neither trainer.epochs nor trainer.max_steps says how long to train


@dataclass(frozen=True)
class LossConfig:
    """What is minimised."""

    label_smoothing: Annotated[float, Range(at_least=0, below=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"  # balanced: n / (K * n_class)


@dataclass(frozen=True)
class TrainerConfig:
    """How long, on what and how exactly a run trains."""

    epochs: PositiveInt | None = None  # null: as many as max_steps needs, else 10
    max_steps: PositiveInt | None = None  # optimiser steps; ends the run before its last epoch
    max_time: str | None = None  # 90s, 10m, 1.5h
    precision: Literal["auto", "32", "bf16", "16"] = "auto"
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: PositiveInt = 1
    deterministic: bool = False  # refuse operations that could differ between two runs
    gradient_clip: Annotated[float, Range(above=0)] | None = None  # largest L2 norm
    accumulate: PositiveInt = 1  # batches to one optimiser step
    early_stopping: PositiveInt | None = None  # epochs without improvement
    # which epoch is tested; auto: by the task's own metric, val_acc of a classifier
    checkpoint: Literal["auto", "val_acc", "val_loss", "last"] = "auto"
    compile: bool = False
    checkpoint_every: int | str | None = None  # also within epochs: 500 (steps), 90s, 10m or 1h
    max_eval_steps: PositiveInt | None = None  # evaluation batches; null reads the whole set
    test: bool = True  # read the test set at the end; a search reads it for the chosen run alone

    def __post_init__(self) -> None:
        seconds(self.max_time)
        if isinstance(self.checkpoint_every, str):
            seconds(self.checkpoint_every, "checkpoint_every")
        elif self.checkpoint_every is not None and self.checkpoint_every < 1:
            raise ValueError(f"checkpoint_every={self.checkpoint_every} must be at least 1 step")
        if self.early_stopping is not None and self.checkpoint == "last":
            raise ValueError("early_stopping needs a metric: checkpoint=val_acc or val_loss")

    @property
    def save_every(self) -> tuple[int | None, float | None]:
        """``checkpoint_every`` as optimiser steps and as seconds; one of them at most is given."""
        every = self.checkpoint_every
        if isinstance(every, str):
            return None, seconds(every)
        return every, None


@dataclass(frozen=True)
class InitConfig:
    """Which trained weights a run starts from, and which of them stay as they are."""

    from_: str | None = None  # a finished run's folder (its best epoch), or a .safetensors or .pth
    freeze: str | None = None  # a glob of the model's parameter and buffer names: features.*
    head: Literal["keep", "new"] = "keep"  # new: the last layer begins afresh, for other classes

    def __post_init__(self) -> None:
        if self.from_ is None and (self.freeze is not None or self.head == "new"):
            option = "head=new" if self.freeze is None else f"freeze={self.freeze}"
            raise ValueError(f"{option} needs weights to start from: init.from=RUN or FILE")


@dataclass(frozen=True)
class SweepConfig:
    """Where the runs of one command lie together, and what becomes of failures."""

    name: str | None = None  # null: made from the overrides
    retry: bool = True  # try failed runs again
    fail_fast: bool = False  # stop at the first run that fails

    def __post_init__(self) -> None:
        if self.name is not None and not re.fullmatch(r"[\w.+-]+", self.name):
            raise ValueError(f"name={self.name} may hold letters, digits and . _ + - only")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides one run; ``model`` and its like are a name and its options."""

    model: dict[str, Any]
    data: dict[str, Any]
    optim: dict[str, Any]
    schedule: dict[str, Any]
    init: InitConfig = field(default_factory=InitConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    seed: Annotated[int, Range(at_least=0)] = 0
    batch_size: PositiveInt = 128
    runs_dir: str = "runs"
    sweep: SweepConfig = field(default_factory=SweepConfig)
    rerun: bool = False  # train again beside a finished run
    resume: str | None = None  # a run folder to go on from
    # by name, each with its options; a config.yaml without them is from when all had this one
    logger: dict[str, dict[str, Any]] = field(default_factory=lambda: {"tensorboard": {}})
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The config as config.yaml holds it."""
        return dict(schema.to_dict(self))

    @property
    def task(self) -> Task:
        """What the model is for."""
        return task_named(MODELS[self.model["name"]].task)

    @property
    def metric(self) -> str:
        """What the best epoch is chosen by: a column such as ``val_acc``, or ``last``."""
        checkpoint = self.trainer.checkpoint
        return self.task.metric if checkpoint == "auto" else checkpoint

    @property
    def epochs(self) -> int:
        """``trainer.epochs`` of a config in which it is resolved."""
        assert self.trainer.epochs is not None
        return self.trainer.epochs


def parse(config: Mapping[str, Any]) -> RunConfig:
    """A typed, complete config from plain data: Hydra's composition or a saved config.yaml.

    Raises:
        CnnlabError: an unknown key, an ill-typed value, options that contradict each other.
    """
    resolved = dict(config)
    for kind, registry in GROUPS.items():
        if not isinstance(config.get(kind), Mapping):
            raise CnnlabError(f"{kind}={config.get(kind)}: give a name, {kind}=...")
        resolved[kind] = schema.resolve(registry, config[kind])
    for kind, registry in LISTS.items():
        if kind in config:
            resolved[kind] = _resolve_list(registry, config[kind])
    checked: RunConfig = schema.check("", resolved, RunConfig)
    checked.task.check(checked.to_dict())
    return checked


def _resolve_list(registry: Registry, chosen: Any) -> dict[str, dict[str, Any]]:
    """The options of each chosen component, complete and checked, by its name."""
    kind = registry.kind
    if not isinstance(chosen, Mapping) or not all(isinstance(o, Mapping) for o in chosen.values()):
        raise CnnlabError(f"{kind}={chosen}: give a list of names, {kind}=[...]")
    found = {}
    for name, options in chosen.items():
        component = {**options, "name": name}
        found[str(name)] = schema.resolve(registry, component, f"{kind}.{name}")
        del found[str(name)]["name"]
    return found


def run_defaults() -> dict[str, Any]:
    """The run-level node for Hydra: every default that is no component's."""
    fields = [f for f in dataclasses.fields(RunConfig) if f.name not in GROUPS]
    values = {
        f.name: f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
        for f in fields
    }
    values |= {kind: {} for kind in LISTS}  # what is chosen of them comes from their groups
    return dict(schema.to_dict(values))


def seconds(duration: str | None, name: str = "max_time") -> float | None:
    """``90s``, ``10m`` or ``1.5h`` in seconds; None stays None.

    Raises:
        ValueError: the text is no duration.
    """
    if duration is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", duration)
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{name}={duration} must be like 90s, 10m or 1.5h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
