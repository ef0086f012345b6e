"""Hydra's composing errors in one or two lines: the value, what is allowed, the nearest name."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)
from yaml import YAMLError

from cnnlab.app.nearest_option import hint, hint_elsewhere
from cnnlab.config import schema
from cnnlab.config.options import GROUPS, RunConfig
from cnnlab.registry import CnnlabError, CompositionError, nearest, nearest_component
from cnnlab.text import first_line

COMPOSING_ERRORS = (HydraException, OmegaConfBaseException)
# Of Hydra's parser (nesting beyond its stack), of OmegaConf's (a number beyond Python's digits),
# of a YAML file (broken, or not UTF-8).
FOREIGN_ERRORS = (RecursionError, ValueError, YAMLError)
INTERPOLATION_ERRORS = (
    InterpolationKeyError,
    InterpolationResolutionError,
    UnsupportedInterpolationType,
)
QUOTE, ADD_M = "'", ": add -m to sweep over them"
NOT_GLOBAL = (  # Hydra then sets its options below the key experiment, where nothing reads them
    "experiment={0}: the first line of experiment/{0}.yaml must be '# @package _global_'"
)
PLAIN = {  # Hydra's messages by how they begin, and ours
    r"In 'experiment/(.*)': Could not override '[\w/]+@experiment\.": NOT_GLOBAL,
    r"Could not append to config\. An item is already at '(.*)'": "+{0}=...: leave out the +",
    r"Could not delete from config\. '((\w+)\.(.*))' does not": "~{0}: no {1} '{2}' is chosen",
    r"Error merging override (.*)": "{0}: the option cannot take this value",
}
# Who has options of these groups: with the others there is nothing to set.
OWNERS = {
    "hydra.launcher": "hydra/launcher=joblib and others",
    "hydra.sweeper": "hydra/sweeper=optuna",
}


@contextlib.contextmanager
def plain_errors(composed: DictConfig | None = None) -> Iterator[None]:
    """Turn Hydra's and OmegaConf's errors into ours.

    Args:
        composed: what the values are set in; an option that is not there is looked for in it.

    Raises:
        CompositionError: in place of any of theirs.
    """
    try:
        yield
    except COMPOSING_ERRORS as error:
        raise composition_error(error, composed) from error
    except FOREIGN_ERRORS as error:
        raise CompositionError(_of_foreign(error)) from error


def composition_error(error: BaseException, composed: DictConfig | None = None) -> CompositionError:
    """One of Hydra's or OmegaConf's errors in one or two lines."""
    for cause in _chain(error):
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            group, _, name = cause.missing_cfg_file.rpartition("/")
            near = (nearest_component if group in GROUPS else nearest)(name, cause.options or [])
            return CompositionError(f"no {group or 'config'} '{name}'{near}")
        if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and cause.full_key:
            return CompositionError(_unknown_key(cause, _plain(composed)))
        if isinstance(cause, INTERPOLATION_ERRORS):
            return CompositionError(_interpolation(cause))
    text = str(error)
    if isinstance(error, OverrideParseException):
        return CompositionError(f"cannot read '{error.override}': {_unreadable(error)}")
    if text.startswith(("Ambiguous value", "Sweep parameters")):
        return CompositionError(f"{text.split(QUOTE)[1]} has several values{ADD_M}")
    for start, said in PLAIN.items():
        if match := re.match(start, text):
            return CompositionError(said.format(*match.groups()))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return CompositionError("\n".join(lines[:2]))


def one_value(error: CompositionError) -> CompositionError:
    """The refusal of several values by a command that has no -m."""
    return CompositionError(str(error).replace(ADD_M, "; give one"))


def as_chosen(error: CnnlabError, choices: Mapping[str, str]) -> CnnlabError:
    """The refusal of a component under the name it was chosen by: model=resnet20 for resnet."""
    group, _, said = str(error).partition("=")
    name = re.match(r"\w+(?=[: ])", said)
    if group not in GROUPS or not choices.get(group) or name is None:
        return error
    return CnnlabError(f"{group}={choices[group]}{said[name.end() :]}")


def _unreadable(error: OverrideParseException) -> str:
    """Why Hydra's grammar does not take a word."""
    key, equals, value = error.override.partition("=")
    if not equals:
        return f"give {key.strip() or 'KEY'}=VALUE"
    if not re.fullmatch(r"[~+]*[\w$@:-]+([./][\w$@:-]+)*", key):
        return f"'{key}' is not the name of an option"
    said = first_line(error)
    if said.startswith(("LexerNoViableAlt", "Error parsing", "mismatched", "no viable")):
        return f"quote its value, {key}='...'" if value else "it has no value"
    return said


def _interpolation(error: OmegaConfBaseException) -> str:
    """What is wrong with ``${...}`` in a value."""
    key, said = error.full_key, first_line(str(error.msg or error))
    if isinstance(error, InterpolationKeyError):
        said = said.replace("Interpolation key", "there is no option").removesuffix(" not found")
    if said.startswith("Recursive interpolation"):
        said = "its value refers to itself"
    said = re.sub(r"^\w+ raised while resolving interpolation: ", "", said)
    return f"{key}: {said}" if key else said


def _of_foreign(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "an override is nested too deeply"
    said = " ".join(str(error).split())
    return f"cannot be composed: {said[:300]}"


def refuse_unknown_groups(composed: DictConfig) -> None:
    """Refuse what a recipe sets beside all options.

    Raises:
        CompositionError: the recipe lacks its first line, or an option does not exist.
    """
    known = [field.name for field in dataclasses.fields(RunConfig)]
    for key in map(str, composed):
        if key == "experiment":
            recipe = composed.hydra.runtime.choices[key]
            raise CompositionError(NOT_GLOBAL.format(recipe))
        if key not in [*known, "hydra"]:
            raise CompositionError(f"no option '{key}'{hint(key, known, _plain(composed))}")


def _unknown_key(error: OmegaConfBaseException, composed: Mapping[str, Any]) -> str:
    key, full = str(error.key), str(error.full_key)
    parent = error.parent_node
    siblings = [str(k) for k in parent] if isinstance(parent, Mapping) or parent is not None else []
    group = full.split(".")[0]
    if group in GROUPS and "name" in siblings and full.count(".") == 1:
        owned = any(key in schema.options(entry.component) for entry in GROUPS[group])
        if owned or not hint_elsewhere(full, composed):
            return schema.unknown_key(GROUPS[group], str(parent["name"]), key)
    owner = OWNERS.get(full.rpartition(".")[0])
    if owner is not None and not siblings:
        return f"no option '{full}'; options are those of {owner}"
    return f"no option '{full}'{hint(full, siblings, composed)}"


def _plain(composed: DictConfig | None) -> dict[str, Any]:
    found = {} if composed is None else OmegaConf.to_container(composed)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
