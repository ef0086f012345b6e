"""What ``hydra.sweeper.…`` may say with ``hydra/sweeper=optuna``, each default once."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cnnlab.config import schema
from cnnlab.registry import Range

KEY = "hydra.sweeper"
ObjectiveName = Literal["val_acc", "val_loss", "macs", "params", "train_seconds"]


@dataclass(frozen=True)
class SearchOptions:
    """How to search. ``n_trials`` and ``storage`` may be changed when a search continues.

    Args:
        n_trials: number of trials in total, over all starts of the same command.
        sampler: how the next trial is chosen: tpe is a tree-structured Parzen estimator, cma-es an
            evolution strategy for one objective, nsga2 a genetic algorithm for several.
        pruner: how bad trials are stopped while they train: asha is successive halving, median
            stops those below the median of the trials so far.
        objectives: metrics to optimise; with several the result is a Pareto front.
        n_jobs: number of trials passed to the launcher at a time.
        seed: seed of the sampler.
        storage: URL of a database for the study; null is a file in the sweep's folder.
        trial: number of the trial that a job is; set by the search.
    """

    n_trials: Annotated[int, Range(at_least=1)] = 20
    sampler: Literal["tpe", "random", "grid", "cma-es", "nsga2"] = "tpe"
    pruner: Literal["none", "asha", "median"] = "none"
    objectives: tuple[ObjectiveName, ...] = ("val_acc",)
    n_jobs: Annotated[int, Range(at_least=1)] = 1
    seed: Annotated[int, Range(at_least=0)] = 0
    storage: str | None = None
    trial: int | None = None

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
    options: SearchOptions = schema.check(KEY, given, SearchOptions)
    return options
