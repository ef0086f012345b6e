"""Overrides that Hydra would take and cnnlab does not act on: each is refused when it is read."""

import functools
import math
import os
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path

from hydra.core.override_parser.types import Override, RangeSweep

from cnnlab.config.options import GROUPS, LISTS
from cnnlab.registry import CnnlabError, CompositionError, nearest, nearest_component
from cnnlab.runs.read_file import DamagedFileError, read_yaml
from cnnlab.sweep.launchers.options import LAUNCHERS
from cnnlab.sweep.search.options import SWEEPERS
from cnnlab.text import as_typed

HYDRAS_CHOICES: dict[str, Collection[str]] = {
    "hydra/launcher": LAUNCHERS,
    "hydra/sweeper": SWEEPERS,
}
HYDRAS_OPTIONS = ("hydra.launcher", "hydra.sweeper")
SEARCH_PATH = "hydra.searchpath"  # where --config-dir goes
FOLDERS = "cnnlab makes its own run folders and logs, in runs_dir=...; "
INSTEAD = {  # of options of Hydra's, by how they begin
    "hydra.run.": FOLDERS,
    "hydra.sweep.": FOLDERS,
    "hydra.job.chdir.": FOLDERS,
    "hydra.verbose.": "use --verbose; ",
}
ONE_NAME = (*GROUPS, "trainer")  # groups of which exactly one is chosen
CHOSEN = (*ONE_NAME, *LISTS, "experiment", "debug")


def is_hydras(override: Override) -> bool:
    """Whether it sets an option of Hydra's own."""
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def check_override(override: Override) -> None:
    """Refuse what nothing in cnnlab would act on.

    Raises:
        CnnlabError: the override has no key, removes an option, or sets one of Hydra's that cnnlab
            does not use.
    """
    key, line = override.key_or_group, str(override.input_line)
    if not key:
        raise CompositionError(f"{line}: an option's name is missing; give KEY=VALUE")
    if override.is_delete() and not (key.split(".")[0] in LISTS and "." in key):
        raise CompositionError(
            f"{line}: an option cannot be removed; give it a value, {key}={_example(key)}"
        )
    if override.package is not None:
        place = f"@{override.package}"
        raise CompositionError(f"{line}: leave out {place}, {line.lstrip('+').replace(place, '')}")
    if key in CHOSEN and (override.is_add() or override.is_force_add()):
        raise CompositionError(f"{line}: leave out the +, {line.lstrip('+')}")
    if is_hydras(override):
        _check_hydras(override)
    _check_no_name(override)
    if override.is_discrete_sweep() and num_values(override) == 0:
        raise CompositionError(f"{line}: there are no such values")


def _check_no_name(override: Override) -> None:
    """Refuse another component by its name alone: the options would be those of the first."""
    group, _, option = override.key_or_group.partition(".")
    value = override.value()
    if group in GROUPS and option in ("", "name"):
        if isinstance(value, dict) and "name" in value:
            value = value["name"]
        elif not option:
            return
        name = value if isinstance(value, str) else "NAME"
        raise CompositionError(f"{override.input_line}: choose it with {group}={name}")


def check_choice(group: str, name: str, choices: Collection[str]) -> None:
    """Refuse a launcher or sweeper that is not cnnlab's."""
    if name not in choices:
        kind = group.rpartition("/")[2]
        raise CnnlabError(f"{group}={name} is not one of cnnlab's {kind}s{nearest(name, choices)}")


def check_group_value(override: Override) -> None:
    """Refuse what is no name of a group: Hydra's own error for it would be a ValueError."""
    _check_own_files(override)
    value, group, line = override.value(), override.key_or_group, override.input_line
    if isinstance(value, dict) and value:
        return
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) and name for name in names):
        raise CompositionError(f"{line}: give a name, {group}=NAME")
    if any("${" in str(name) for name in names):
        raise CompositionError(f"{line}: give a name, {group}=NAME; it cannot be an interpolation")
    if isinstance(value, list) and group in ONE_NAME:
        raise CompositionError(f"{line}: give one name without brackets, {group}=NAME")
    if not names and group not in LISTS:
        raise CompositionError(f"{line}: give a name, {group}=NAME")
    for name in names if group in LISTS else []:
        known = [entry.name for entry in LISTS[group]]
        if name not in known:
            hint = nearest_component(str(name), known)
            raise CompositionError(f"no {group.removesuffix('s')} '{name}'{hint}")


def num_values(override: Override) -> int:
    """How many values a grid takes from an override that is no interval; no range is listed.

    Raises:
        CompositionError: the range never ends.
    """
    value = override.value()
    if not override.is_sweep_override():
        return 1
    if not isinstance(value, RangeSweep):
        return sum(1 for _ in override.sweep_string_iterator())
    start, stop, step = (Decimal(str(number)) for number in (value.start, value.stop, value.step))
    if not all(number.is_finite() for number in (start, stop, step)) or step == 0:
        raise CompositionError(f"{override.input_line}: the range is infinite")
    return max(0, math.ceil((stop - start) / step))


def _check_hydras(override: Override) -> None:
    key, line = override.key_or_group, str(override.input_line)
    if override.is_sweep_override():
        raise CnnlabError(f"{line}: a sweep has one {key}; give one value")
    if key in HYDRAS_CHOICES:
        check_choice(key, as_typed(override.value()), HYDRAS_CHOICES[key])
    elif key == SEARCH_PATH:
        folders = override.value()
        if not isinstance(folders, list) or not all(isinstance(f, str) for f in folders):
            raise CnnlabError(f"{line}: give a list of folders, or --config-dir FOLDER")
    elif not key.startswith(tuple(f"{o}." for o in HYDRAS_OPTIONS)):
        options = [*HYDRAS_CHOICES, *(f"{option}.*" for option in HYDRAS_OPTIONS)]
        value = override.value()
        names = [f"{key}.{name}." for name in value] if isinstance(value, dict) else [f"{key}."]
        instead = next((INSTEAD[s] for s in INSTEAD if any(n.startswith(s) for n in names)), "")
        raise CnnlabError(f"{line}: {instead}supported options of Hydra: {', '.join(options)}")


def _example(key: str) -> str:
    return "[]" if key in LISTS else "NAME" if key in CHOSEN else "VALUE"


def _check_own_files(override: Override) -> None:
    """Refuse a file of the user's that is not valid YAML, by name: Hydra does not always say it."""
    value, folder = override.value(), Path.cwd() / "conf" / override.key_or_group
    for name in value if isinstance(value, list) else [value]:
        file = folder / f"{name}.yaml"
        if isinstance(name, str) and os.path.lexists(file):
            _check_own_file(file, os.lstat(file).st_mtime_ns)


@functools.lru_cache
def _check_own_file(file: Path, _written: int) -> None:
    try:
        read_yaml(file)
    except DamagedFileError as damage:
        raise CompositionError(str(damage)) from damage
