"""A grid: the jobs that overrides with several values make, counted before they are listed."""

import itertools
import math

from hydra.core.override_parser.types import Override

from cnnlab.app.command import Command
from cnnlab.app.override_checks import num_values
from cnnlab.registry import CnnlabError

Grid = list[list[Override]]  # the overrides of each job
MAX_JOBS = 1_000_000


def num_jobs(command: Command) -> int:
    """How many jobs a grid has, without listing them.

    Raises:
        CnnlabError: more than anybody could run, or an override is not a grid's.
    """
    axes: dict[str, int] = {}
    for override in command.overrides:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise CnnlabError(f"{override.input_line}: a grid needs a list, choice, range or glob")
        axes[override.get_key_element()] = num_values(override)
    number = math.prod(axes.values())
    if number > MAX_JOBS:
        shown = f"{number:,}" if number < 10**12 else "more than 10^12"
        raise CnnlabError(f"the grid has {shown} jobs; at most {MAX_JOBS:,} can be run")
    return number


def expand_grid(command: Command) -> Grid:
    """The jobs of a grid; the last override turns fastest.

    Raises:
        CnnlabError: an override is not a grid's, or there are too many jobs.
    """
    num_jobs(command)
    return [list(job) for job in itertools.product(*_axes(command, ends=False))]


def ends_of_grid(command: Command) -> Grid:
    """The first and the last job of a grid; the others are not made."""
    axes = _axes(command, ends=True)
    return [[values[end] for values in axes] for end in (0, -1)]


def _axes(command: Command, *, ends: bool) -> list[list[Override]]:
    """The values of each key as overrides of one value each; of all or, with ``ends``, of two."""
    axes: dict[str, list[Override]] = {}
    for override in command.overrides:
        key = override.get_key_element()
        if override.is_sweep_override():
            words = [f"{key}={value}" for value in override.sweep_string_iterator()]
            axes[key] = command.composer.parse([words[0], words[-1]] if ends else words)
        else:
            axes[key] = [override]
    return list(axes.values())
