"""The arguments of ``cnnlab train``: overrides, -m, --config-dir, and questions for Hydra."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.registry import CnnlabError, nearest

MULTIRUN = ("-m", "--multirun")
CONFIG_DIR = ("--config-dir", "-cd")
HELP = ("--help", "-h")
VALUED_QUESTIONS = ("--cfg", "-c", "--package", "-p", "--info", "-i")
QUESTIONS = (*VALUED_QUESTIONS, "--hydra-help", "--resolve")


@dataclass(frozen=True)
class Arguments:
    """The words behind ``cnnlab train``, sorted.

    Attributes:
        questions: Hydra's flags, each followed by its value.
    """

    overrides: tuple[str, ...]
    multirun: bool = False
    wants_help: bool = False
    questions: tuple[str, ...] = ()


def read_arguments(words: Sequence[str]) -> Arguments:
    """Separate flags from overrides, in any order.

    Raises:
        CnnlabError: an unknown flag, or one that lacks its value.
    """
    multirun, wants_help = False, False
    questions, overrides, folders = list[str](), list[str](), list[str]()
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            overrides.append(word)
        elif word in MULTIRUN:
            multirun = True
        elif word in HELP:
            wants_help = True
        elif flag in CONFIG_DIR:
            folders.append(value if equals else _value(flag, next(rest, None)))
        elif flag in QUESTIONS:
            questions.append(word)
            if flag in VALUED_QUESTIONS and not equals:
                questions.append(_value(flag, next(rest, None)))
        else:
            known = (*MULTIRUN, *CONFIG_DIR, *HELP, *QUESTIONS)
            raise CnnlabError(f"no flag {flag}{nearest(flag, known)}")
    overrides += _search_path(folders)
    return Arguments(tuple(overrides), multirun, wants_help, tuple(questions))


def _value(flag: str, value: str | None) -> str:
    if value is None:
        raise CnnlabError(f"{flag} needs a value")
    return value


def _search_path(folders: Sequence[str]) -> list[str]:
    """The override by which Hydra also looks for configs in ``folders``."""
    paths = [os.path.abspath(os.path.expanduser(folder)) for folder in folders]
    for path, folder in zip(paths, folders, strict=True):
        if not os.path.isdir(path):
            raise CnnlabError(f"--config-dir {folder}: no such folder")
    listed = ",".join(f'"file://{path}"' for path in paths)
    return [f"hydra.searchpath=[{listed}]"] if paths else []
