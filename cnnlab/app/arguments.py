"""The arguments of ``cnnlab train``: overrides, -m, --config-dir, and questions for Hydra."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cnnlab.registry import CnnlabError, nearest

MULTIRUN = ("-m", "--multirun")
CONFIG_DIR = ("--config-dir", "-cd")
HELP = ("--help", "-h")
CFG, PACKAGE, INFO = ("--cfg", "-c"), ("--package", "-p"), ("--info", "-i")
RESOLVE = "--resolve"
OURS = ("--plan", "--verbose", "-v", "--import")  # read before, by typer
VALUED_QUESTIONS = (*CFG, *PACKAGE, *INFO)
QUESTIONS = (*VALUED_QUESTIONS, RESOLVE)
ANSWERS = {  # what Hydra can show
    **dict.fromkeys(CFG, ("job", "hydra", "all")),
    **dict.fromkeys(INFO, ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
}


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

    @property
    def question(self) -> str:
        """The flag that asks Hydra; empty where nothing is asked."""
        return next((word.partition("=")[0] for word in self.questions), "")


def read_arguments(words: Sequence[str]) -> Arguments:
    """Separate flags from overrides, in any order.

    Raises:
        CnnlabError: an unknown flag, or one that lacks its value; an option given twice.
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
        elif equals and flag in (*MULTIRUN, *HELP, *OURS):
            raise CnnlabError(f"{word}: {flag} takes no value")
        elif flag in CONFIG_DIR:
            folders.append(_value(flag, value if equals else next(rest, None)))
        elif flag in QUESTIONS:
            questions += _question(flag, value if equals else None, rest)
        else:
            following = value if equals else next(rest, "")
            raise CnnlabError(f"no flag {flag}{_hint(flag, following, words)}")
    _check_questions(questions)
    refuse_repeated(overrides)
    overrides += _search_path(folders)
    return Arguments(tuple(overrides), multirun, wants_help, tuple(questions))


def refuse_repeated(words: Sequence[str]) -> None:
    """Refuse a command line that gives an option twice, where the last would count.

    From Python the last one counts: there a list of words is often another list and what differs.
    """
    first: dict[str, str] = {}
    for word in words:
        key, equals, value = word.lstrip("+~").partition("=")
        if not equals or not key:
            continue
        if key in first:
            both = f"{first[key].partition('=')[2]},{value}"
            simple = re.fullmatch(r"[\w.+-]+(,[\w.+-]+)+", both)
            hint = f"; for a sweep over the values -m {key}={both}" if simple else ""
            raise CnnlabError(f"{first[key]} {word}: {key} is given twice{hint}")
        first[key] = word


def refuse_together(flags: Mapping[str, object]) -> None:
    """Refuse flags of which one would be ignored; of each its value, if it was given."""
    named = [flag for flag, value in flags.items() if value]
    if len(named) > 1:
        raise CnnlabError(f"{' and '.join(named)} cannot be combined")


def python_words(overrides: str | Sequence[str]) -> tuple[list[str], bool | None]:
    """The overrides of a call from Python, and whether ``-m`` is among them; None where it is not.

    A string is one line of words, quoted as in a shell.

    Raises:
        CnnlabError: another flag, whose answer would be printed and not returned.
    """
    try:
        words = shlex.split(overrides) if isinstance(overrides, str) else list(overrides)
    except ValueError as error:
        raise CnnlabError(f"cannot read {overrides!r}: {error}") from error
    for word in words:
        if not isinstance(word, str):
            raise CnnlabError(f"{word!r} is not an override; give strings, 'KEY=VALUE'")
        if re.fullmatch(r"[\w./]+=[^\s'\"\[{(]+(\s+[\w./]+=\S*)+", word):
            several = "', '".join(word.split())
            raise CnnlabError(f"'{word}' holds several overrides; give ['{several}']")
        if word.startswith("-") and word not in MULTIRUN:
            raise CnnlabError(f"{word}: the only flag allowed from Python is -m")
    kept = [word for word in words if word not in MULTIRUN]
    return kept, True if len(kept) < len(words) else None


def _hint(flag: str, following: str, words: Sequence[str]) -> str:
    """What an unknown flag stands for: an option of other tools' flags, or the nearest flag."""
    from cnnlab.app.compose import compose_choices  # takes a second, which only a refusal needs
    from cnnlab.app.nearest_option import option_elsewhere

    meant = option_elsewhere(flag, compose_choices(words))
    if meant is None:
        known = (*MULTIRUN, *CONFIG_DIR, *HELP, *QUESTIONS, *OURS)
        return nearest(flag, known, cutoff=0.75)
    if meant.owner:
        return f"; options have no dashes, and {meant.owner} has {meant.option}"
    is_value = following and not following.startswith("-") and "=" not in following
    value = "" if "=" in meant.option else f"={following if is_value else 'VALUE'}"
    return f"; options have no dashes: {meant.option}{value}"


def _question(flag: str, value: str | None, rest: Iterator[str]) -> list[str]:
    """A question for Hydra with its value, which is checked here and not by Hydra."""
    if flag not in VALUED_QUESTIONS:
        if value is not None:
            raise CnnlabError(f"{flag}={value}: {flag} takes no value")
        return [flag]
    answer = _value(flag, next(rest, None) if value is None else value)
    if answer not in ANSWERS.get(flag, (answer,)):
        raise CnnlabError(f"{flag} {answer} is not allowed{nearest(answer, ANSWERS[flag])}")
    return [flag, answer] if value is None else [f"{flag}={answer}"]


def _check_questions(questions: Sequence[str]) -> None:
    """Refuse what Hydra would ignore: two questions at once, or half a question."""
    flags = [word.partition("=")[0] for word in questions]
    main = [flag for flag in flags if flag in (*CFG, *INFO)]
    if len(main) > 1:
        raise CnnlabError(f"{' and '.join(main)} cannot be combined")
    for flag in flags:
        if flag in (*PACKAGE, RESOLVE) and not set(main) & {*CFG}:
            raise CnnlabError(f"{flag} needs --cfg, as in --cfg job {flag}")


def _value(flag: str, value: str | None) -> str:
    if not value or value.startswith("-"):
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
