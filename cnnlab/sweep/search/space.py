"""Hydra's overrides as a search space: choices, ranges and intervals become distributions."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from cnnlab.config.flags import flags
from cnnlab.registry import CnnlabError

MAX_VALUES = 1_000_000  # of a range, which is listed


@dataclass(frozen=True)
class Dimension:
    """One key that is searched over.

    Attributes:
        values: all of them in order where they can be counted; None for an interval.
    """

    distribution: BaseDistribution
    values: tuple[Any, ...] | None

    def word(self, value: Any) -> str:
        """A value as Hydra reads it back, exactly."""
        if isinstance(value, float) and self.values is not None:  # steps add up to 0.30000000000004
            value = min(self.values, key=lambda listed: abs(listed - value))
        return str(value)

    def samples(self) -> tuple[Any, ...]:
        """Values for checks beforehand: every choice; of numbers both ends and one between."""
        if isinstance(self.distribution, CategoricalDistribution):
            return tuple(self.distribution.choices)
        assert isinstance(self.distribution, (FloatDistribution, IntDistribution))
        low, high = self.distribution.low, self.distribution.high
        if self.values is not None or isinstance(self.distribution, IntDistribution):
            return (low, high)
        return (low, low + 0.382 * (high - low), high)


@dataclass(frozen=True)
class Space:
    """What is fixed and what varies."""

    fixed: tuple[str, ...]
    dimensions: Mapping[str, Dimension]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return {key: dimension.distribution for key, dimension in self.dimensions.items()}

    def words(self, point: Mapping[str, Any]) -> list[str]:
        """The overrides of one point."""
        varied = [f"{key}={d.word(point[key])}" for key, d in self.dimensions.items()]
        return [*self.fixed, *varied]

    def probes(self) -> Iterable[dict[str, Any]]:
        """Points that differ from the first in one key at a time, the first one first."""
        first = {key: dimension.samples()[0] for key, dimension in self.dimensions.items()}
        yield first
        for key, dimension in self.dimensions.items():
            for value in dimension.samples()[1:]:
                yield {**first, key: value}

    def to_dict(self) -> dict[str, Any]:
        """What two searches of one study must have in common."""
        fixed = [word for word in self.fixed if not _is_location(word.partition("=")[0])]
        varied = {
            key: json.loads(distribution_to_json(distribution))
            for key, distribution in self.distributions.items()
        }
        return {"fixed": sorted(fixed), "varied": varied}


def read_space(overrides: Sequence[Override]) -> Space:
    """Split overrides into what is fixed and what is searched over.

    Hydra reads interval(1, 9) as real numbers; int(interval(1, 9)) is for whole ones.

    Raises:
        CnnlabError: nothing varies, or there is no distribution for a range or tag.
    """
    fixed: dict[str, str] = {}
    dimensions: dict[str, Dimension] = {}
    for override in overrides:
        key = override.get_key_element()
        name = key.lstrip("+~")
        if name == "trainer.test" or (name in ("rerun", "resume") and override.value()):
            raise CnnlabError(f"{override.input_line}: a search sets this itself")
        fixed.pop(key, None)
        dimensions.pop(key, None)
        if not override.is_sweep_override():
            line = override.input_line
            deleted = override.is_delete() and override.value() is None
            fixed[key] = str(line) if deleted else f"{key}={override.get_value_element_as_str()}"
        elif _is_location(name):
            raise CnnlabError(f"{override.input_line}: a search cannot vary {name}")
        else:
            dimensions[key] = _dimension(override)
    if not dimensions:
        raise CnnlabError(
            "nothing to search: give a choice, a range or an interval, "
            "such as optim.lr='tag(log, interval(1e-3, 1))'"
        )
    return Space(tuple(fixed.values()), dimensions)


def _is_location(key: str) -> bool:
    return flags(key.lstrip("+~")).location


def _dimension(override: Override) -> Dimension:
    line, sweep = override.input_line, override.value()
    tags = sweep.tags if isinstance(sweep, Sweep) else set()
    if tags - {"log"}:
        raise CnnlabError(f"{line}: unknown tag '{min(tags - {'log'})}'; the only one is log")
    try:
        if isinstance(sweep, IntervalSweep):
            return _interval(sweep)
        if isinstance(sweep, RangeSweep):
            return _range(sweep)
    except ValueError as error:  # Optuna checks bounds and steps
        raise CnnlabError(f"{line}: {error}") from error
    if tags:
        raise CnnlabError(f"{line}: tag log needs an interval or a range of numbers")
    if isinstance(sweep, ChoiceSweep):
        sweep.shuffle = False  # the order of choices means nothing to a search
    choices = tuple(dict.fromkeys(map(_lower_bool, override.sweep_string_iterator())))
    if not choices:
        raise CnnlabError(f"{line}: the choice is empty")
    return Dimension(CategoricalDistribution(choices), choices)


def _interval(sweep: IntervalSweep) -> Dimension:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None
    assert high is not None
    if log and low <= 0:
        raise ValueError(f"tag log needs numbers above 0, not {low}")
    if low >= high:
        raise ValueError(f"the interval must start below its end, {high}")
    if isinstance(low, int) and isinstance(high, int):
        return Dimension(IntDistribution(low, high, log=log), None)
    return Dimension(FloatDistribution(float(low), float(high), log=log), None)


def _range(sweep: RangeSweep) -> Dimension:
    """Like Python's, without its end."""
    start, stop, step = (Decimal(str(x)) for x in (sweep.start, sweep.stop, sweep.step))
    if step == 0 or (stop - start) / step <= 0:
        raise ValueError("the range is empty")
    count = math.ceil((stop - start) / step)
    if count > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values; an interval(...) has any number")
    exact = [start + i * step for i in range(count)]
    low, high, log = min(exact), max(exact), "log" in sweep.tags
    if log and low <= 0:
        raise ValueError(f"tag log needs numbers above 0, not {low}")
    if all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step)):
        whole = IntDistribution(int(low), int(high), log=log, step=int(abs(step)))
        return Dimension(whole, tuple(map(int, exact)))
    if log:
        raise ValueError("tag log needs an interval or a range of whole numbers")
    stepped = FloatDistribution(float(low), float(high), step=float(abs(step)))
    return Dimension(stepped, tuple(map(float, exact)))


def _lower_bool(text: str) -> str:
    return text.lower() if text in ("True", "False") else text
