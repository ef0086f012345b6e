"""The flags of ``cnnlab train``: -m, --config-dir, and the questions that Hydra answers."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.registry import CnnlabError, nearest

MULTIRUN = ("-m", "--multirun")
CONFIG_DIR = ("--config-dir", "-cd")
VALUED_QUESTIONS = ("--cfg", "-c", "--package", "-p", "--info", "-i")
QUESTIONS = (*VALUED_QUESTIONS, "--help", "-h", "--hydra-help", "--resolve")


@dataclass(frozen=True)
class Flags:
    """What was asked for beside the overrides; ``questions`` are Hydra's flags with values."""

    multirun: bool
    questions: tuple[str, ...]


def read_flags(words: Sequence[str]) -> tuple[Flags, list[str]]:
    """The flags, and the overrides without them, wherever they stood.

    Raises:
        CnnlabError: an unknown flag, or one that lacks its value.
    """
    multirun, questions, overrides = False, list[str](), list[str]()
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            overrides.append(word)
        elif word in MULTIRUN:
            multirun = True
        elif flag in CONFIG_DIR:
            overrides.append(_search_path(value if equals else _value(flag, next(left, None))))
        elif flag in QUESTIONS:
            questions.append(word)
            if flag in VALUED_QUESTIONS and not equals:
                questions.append(_value(flag, next(left, None)))
        else:
            raise CnnlabError(
                f"no flag {flag}{nearest(flag, [*QUESTIONS, *MULTIRUN, *CONFIG_DIR])}"
            )
    return Flags(multirun, tuple(questions)), overrides


def _value(flag: str, value: str | None) -> str:
    if value is None:
        raise CnnlabError(f"{flag} needs a value")
    return value


def _search_path(folder: str) -> str:
    """The override by which Hydra also looks for configs in ``folder``."""
    path = os.path.abspath(os.path.expanduser(folder))
    if not os.path.isdir(path):
        raise CnnlabError(f"--config-dir {folder}: no such folder")
    return f'hydra.searchpath=["file://{path}"]'
