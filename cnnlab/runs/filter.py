"""Selecting runs: ``--where model=resnet20 --where seed=0,1 --status failed``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.registry import CnnlabError, nearest
from cnnlab.runs.state import RunState
from cnnlab.runs.status import RunStatus
from cnnlab.text import as_typed


@dataclass(frozen=True)
class Condition:
    """``key=a,b``: the option has one of the values. ``key!=a,b``: it has none of them."""

    key: str
    values: tuple[str, ...]
    negated: bool

    def holds(self, run: RunStatus) -> bool:
        """Whether the run meets the condition; without the option it meets none."""
        if self.key not in run.options:
            return False
        found = any(_equal(run.options[self.key], value) for value in self.values)
        return found != self.negated


def parse_condition(word: str) -> Condition:
    """A condition as typed.

    Raises:
        CnnlabError: ``word`` is not a condition.
    """
    match = re.fullmatch(r"([\w.]+)(!?=)(.+)", word)
    if match is None:
        raise CnnlabError(f"--where {word}: write KEY=VALUE, KEY=A,B or KEY!=VALUE")
    key, operator, text = match.groups()
    values = (text,) if text.startswith("[") else tuple(text.split(","))  # a list is one value
    return Condition(key, values, operator == "!=")


def select(
    runs: Sequence[RunStatus], where: Iterable[str] = (), states: Iterable[str] = ()
) -> list[RunStatus]:
    """The runs that meet all conditions and are in one of ``states``, in any where that is empty.

    Raises:
        CnnlabError: a condition that cannot be read, an option that no run has, an unknown state.
    """
    conditions = [parse_condition(word) for word in where]
    for condition in conditions:
        known = {key for run in runs for key in run.options}
        if runs and condition.key not in known:
            hint = nearest(condition.key, known)
            raise CnnlabError(f"--where {condition.key}: no run has this option{hint}")
    wanted = parse_states(states)
    return [
        run
        for run in runs
        if all(condition.holds(run) for condition in conditions)
        and (not wanted or run.state in wanted)
    ]


def parse_states(words: Iterable[str]) -> set[str]:
    """States as typed, several with commas; ``failed`` stands for every kind of failure.

    Raises:
        CnnlabError: an unknown state.
    """
    wanted = {state.strip() for word in words for state in word.split(",")}
    for state in wanted - set(RunState):
        raise CnnlabError(f"--status {state}: no such status{nearest(state, RunState)}")
    failures = {state for state in RunState if state.is_failure}
    return wanted | failures if RunState.FAILED in wanted else wanted


def _equal(value: Any, word: str) -> bool:
    if isinstance(value, float | int) and not isinstance(value, bool):
        try:
            return float(word) == value  # 1e-3, 0.001 and .001 are one number
        except ValueError:
            return False
    return as_typed(value).replace(" ", "") == word.replace(" ", "")
