"""Hydra's composing errors in one or two lines: the value, what is allowed, the nearest name."""

import contextlib
import re
from collections.abc import Iterator, Mapping

from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)
from yaml import YAMLError

from cnnlab.config import schema
from cnnlab.config.options import GROUPS
from cnnlab.registry import CnnlabError, CompositionError, nearest
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
PLAIN = {  # Hydra's messages by how they begin, and ours
    r"Could not append to config\. An item is already at '(.*)'": "+{0}=...: without +, {0}=...",
    r"Could not delete from config\. '((\w+)\.(.*))' does not": "~{0}: no {1} '{2}' is chosen",
    r"Error merging override (.*)": "{0}: the option takes no such value",
}
# Who has options of these groups: with the others there is nothing to set.
OWNERS = {
    "hydra.launcher": "hydra/launcher=joblib and others",
    "hydra.sweeper": "hydra/sweeper=optuna",
}


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn Hydra's and OmegaConf's errors into ours.

    Raises:
        CompositionError: in place of any of theirs.
    """
    try:
        yield
    except COMPOSING_ERRORS as error:
        raise composition_error(error) from error
    except FOREIGN_ERRORS as error:
        raise CompositionError(_of_foreign(error)) from error


def composition_error(error: BaseException) -> CompositionError:
    """One of Hydra's or OmegaConf's errors in one or two lines."""
    for cause in _chain(error):
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            group, _, name = cause.missing_cfg_file.rpartition("/")
            return CompositionError(
                f"no {group or 'config'} '{name}'{nearest(name, cause.options or [])}"
            )
        if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and cause.full_key:
            return CompositionError(_unknown_key(cause))
        if isinstance(cause, INTERPOLATION_ERRORS):
            return CompositionError(_interpolation(cause))
    text = str(error)
    if isinstance(error, OverrideParseException):
        return CompositionError(f"cannot read '{error.override}': {_unreadable(error)}")
    if text.startswith(("Ambiguous value", "Sweep parameters")):
        return CompositionError(f"{text.split(QUOTE)[1]} is several values{ADD_M}")
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


def _unknown_key(error: OmegaConfBaseException) -> str:
    key = str(error.key)
    parent = error.parent_node
    siblings = [str(k) for k in parent] if isinstance(parent, Mapping) or parent is not None else []
    group = str(error.full_key).split(".")[0]
    if group in GROUPS and "name" in siblings and str(error.full_key).count(".") == 1:
        return schema.unknown_key(GROUPS[group], str(parent["name"]), key)
    owner = OWNERS.get(str(error.full_key).rpartition(".")[0])
    if owner is not None and not siblings:
        return f"no option '{error.full_key}'; options are those of {owner}"
    return f"no option '{error.full_key}'{nearest(key, siblings)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
