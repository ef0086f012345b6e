"""The next point to try: Optuna's samplers, seeded so that a restart suggests the same."""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from cnnlab.registry import CnnlabError
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.space import Space

# Deb et al. take 100; searches of networks are short, and the first population is random.
POPULATION = 10


def make_sampler(options: SearchOptions, space: Space) -> BaseSampler:
    """The sampler of a search.

    Raises:
        CnnlabError: it cannot search this space, or a package is missing.
    """
    if options.sampler == "grid":
        return GridInOrder(space)
    numbers = [
        key
        for key, distribution in space.distributions.items()
        if not isinstance(distribution, CategoricalDistribution)
    ]
    if options.sampler == "cma-es" and len(numbers) < 2:
        raise CnnlabError(
            f"hydra.sweeper.sampler=cma-es needs at least two numbers to search, not "
            f"{len(numbers)}: give intervals or ranges, or use sampler=tpe"
        )
    return SeededByTrial(options)


class SeededByTrial(BaseSampler):
    """An Optuna sampler, created for each trial from (seed, number of the trial).

    What it proposes then depends on these and the study's history alone, however often the search
    was killed: a sampler's own random state would be lost with its process.
    """

    def __init__(self, options: SearchOptions) -> None:
        self.options = options
        self._sampler = _fresh(options, 0)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler = _fresh(self.options, trial.number)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)


def _fresh(options: SearchOptions, number: int) -> BaseSampler:
    seed = int(np.random.SeedSequence([options.seed, number]).generate_state(1)[0])
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match options.sampler:
            case "random":
                return samplers.RandomSampler(seed=seed)
            case "cma-es":  # what is not a number is drawn at random
                return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
            case "nsga2":
                return samplers.NSGAIISampler(seed=seed, population_size=POPULATION)
        # constant_liar: trials of one batch keep away from each other
        return samplers.TPESampler(seed=seed, constant_liar=True)


class GridInOrder(BaseSampler):
    """Trial n is point n of the grid, the last override turning fastest.

    Optuna's own grid goes by what its process remembers, and may visit a point twice.
    """

    def __init__(self, space: Space) -> None:
        intervals = [key for key, d in space.dimensions.items() if d.values is None]
        if intervals:
            raise CnnlabError(
                f"hydra.sweeper.sampler=grid: {intervals[0]} is an interval; give a list, "
                "a choice or a range, or sampler=random"
            )
        keys = list(space.dimensions)
        values = [d.values or () for d in space.dimensions.values()]
        points = itertools.product(*values)
        self.points: list[Mapping[str, Any]] = [dict(zip(keys, p, strict=True)) for p in points]

    def infer_relative_search_space(self, *_: Any) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, _: Study, trial: FrozenTrial, param_name: str, *_rest: Any) -> Any:
        return self.points[trial.number % len(self.points)][param_name]
