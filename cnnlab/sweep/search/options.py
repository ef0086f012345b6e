"""Options of ``hydra/sweeper=optuna``, set by ``hydra.sweeper.NAME=``; each default once."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cnnlab.config import schema
from cnnlab.config.check import check
from cnnlab.metrics import LOSS, METRICS
from cnnlab.registry import CnnlabError, Range, nearest

KEY = "hydra.sweeper"
COSTS = ("macs", "params", "train_seconds")


@dataclass(frozen=True)
class SearchOptions:
    """How to search. ``n_trials`` and ``storage`` may be changed when a search continues.

    Args:
        n_trials: number of trials in total, over all starts of the same command.
        sampler: how the next trial is chosen: tpe is a tree-structured Parzen estimator, cma-es an
            evolution strategy for one objective, nsga2 a genetic algorithm for several.
        pruner: how unpromising trials are stopped early: asha is successive halving, median
            stops those below the median of the trials so far.
        objectives: columns of result.json to optimise; with several the result is a Pareto front.
        n_jobs: number of trials passed to the launcher at a time.
        seed: seed of the sampler.
        storage: URL of a database for the study; null is a file in the sweep's folder.
    """

    n_trials: Annotated[int, Range(at_least=1)] = 20
    sampler: Literal["tpe", "random", "grid", "cma-es", "nsga2"] = "tpe"
    pruner: Literal["none", "asha", "median"] = "none"
    objectives: tuple[str, ...] = ("val_acc",)
    n_jobs: Annotated[int, Range(at_least=1)] = 1
    seed: Annotated[int, Range(at_least=0)] = 0
    storage: str | None = None

    def __post_init__(self) -> None:
        metrics = (LOSS, *(metric for metric in METRICS.values() if metric.is_primary))
        allowed = dict.fromkeys([*(f"val_{metric.column}" for metric in metrics), *COSTS])
        for name in self.objectives:
            if name not in allowed:
                raise ValueError(f"objectives: {name} is not allowed{nearest(name, allowed)}")
        first, *others = self.objectives or ("",)
        if not first or len(set(self.objectives)) < len(self.objectives):
            raise ValueError(
                f"objectives=[{','.join(self.objectives)}] must be at least one metric, none twice"
            )
        if others and self.sampler == "cma-es":
            raise ValueError("sampler=cma-es takes one objective; for several use tpe or nsga2")
        if self.pruner != "none" and (others or not first.startswith("val_")):
            raise ValueError(
                f"pruner={self.pruner} needs one objective, a validation metric such as val_acc; "
                "else pruner=none"
            )


def parse(node: Mapping[str, Any]) -> SearchOptions:
    """The options of a composed ``hydra.sweeper``.

    Raises:
        CnnlabError: an ill-typed value, options that contradict each other, or no Optuna.
    """
    for package in ("optuna", "cmaes"):
        if importlib.util.find_spec(package) is None:
            raise CnnlabError(f"hydra/sweeper=optuna needs {package}: pip install 'cnnlab[search]'")
    options: SearchOptions = check(KEY, node, SearchOptions)
    return options


# The nodes of hydra/sweeper=...: cnnlab walks a grid, optuna searches.
SWEEPERS: dict[str, dict[str, Any]] = {"cnnlab": {}, "optuna": schema.to_dict(SearchOptions())}
