"""What ``hydra.sweeper.…`` may say with ``hydra/sweeper=optuna``, each default once."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cnnlab.config import schema
from cnnlab.config.check import check
from cnnlab.registry import Range

KEY = "hydra.sweeper"
ObjectiveName = Literal["val_acc", "val_loss", "macs", "params", "train_seconds"]


@dataclass(frozen=True)
class SearchOptions:
    """How to search. Where the study lies and how many trials it has may be changed later."""

    n_trials: Annotated[int, Range(at_least=1)] = 20  # in all, over every start of the command
    sampler: Literal["tpe", "random", "grid", "cma-es", "nsga2"] = "tpe"
    pruner: Literal["none", "asha", "median"] = "none"  # stops bad trials while they train
    objectives: tuple[ObjectiveName, ...] = ("val_acc",)
    n_jobs: Annotated[int, Range(at_least=1)] = 1  # trials handed to the launcher at once
    seed: Annotated[int, Range(at_least=0)] = 0
    storage: str | None = None  # a database's URL; null: a file in the sweep's folder
    trial: int | None = None  # which trial a job is; the search sets it

    def __post_init__(self) -> None:
        first, *others = self.objectives or ("",)
        if not first or len(set(self.objectives)) < len(self.objectives):
            raise ValueError(
                f"objectives=[{','.join(self.objectives)}] must be one or more, each once"
            )
        if others and self.sampler == "cma-es":
            raise ValueError("sampler=cma-es knows one objective; for several: tpe, nsga2")
        if self.pruner != "none" and (others or first not in ("val_acc", "val_loss")):
            raise ValueError(
                f"pruner={self.pruner} judges one objective, val_acc or val_loss; else pruner=none"
            )


def defaults() -> dict[str, Any]:
    """The options as a config node."""
    return dict(schema.to_dict(SearchOptions()))


def parse(node: dict[str, Any]) -> SearchOptions:
    """The options of a composed ``hydra.sweeper``.

    Raises:
        CnnlabError: an ill-typed value, or options that contradict each other.
    """
    given = {key: value for key, value in node.items() if not key.startswith("_")}
    options: SearchOptions = check(KEY, given, SearchOptions)
    return options
