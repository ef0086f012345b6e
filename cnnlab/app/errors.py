"""Hydra's composing errors in one or two lines: the value, what is allowed, the nearest name."""

import contextlib
import re
from collections.abc import Iterator, Mapping

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from cnnlab.config import schema
from cnnlab.config.options import GROUPS
from cnnlab.registry import CnnlabError, CompositionError, nearest
from cnnlab.text import first_line

COMPOSING_ERRORS = (HydraException, OmegaConfBaseException)
QUOTE, ADD_M = "'", ": add -m to sweep over them"
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
    text = str(error)
    if isinstance(error, OverrideParseException):
        return CompositionError(f"cannot read '{error.override}': {first_line(text)}")
    if text.startswith(("Ambiguous value", "Sweep parameters")):
        return CompositionError(f"{text.split(QUOTE)[1]} is several values{ADD_M}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kind = "" if isinstance(error, ConfigCompositionException) else f"{type(error).__name__}: "
    return CompositionError(kind + "\n".join(lines[:2]))


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
