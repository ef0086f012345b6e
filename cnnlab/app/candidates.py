"""What the last word of a command line can become: a command, a flag, a value, an override."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnnlab.app.candidate_overrides import Overrides
from cnnlab.app.candidate_paths import files, folders, modules, runs

CONFIG_DIR = ("--config-dir", "-cd")
TOP_LEVEL = ("--help", "--version")

# Names is what names.collect() makes. A kind says what can stand in a place: a list of words, or
# one of module, run, file, folder, weights, sweep and overrides; "" is a value of which nothing is
# known.
Names = Mapping[str, Any]
Kind = str | list[str]


def candidates(words: Sequence[str], names: Names) -> list[str]:
    """What the last of ``words`` (those after ``cnnlab``) can become, sorted."""
    last = words[-1] if words else ""
    if len(words) <= 1:
        return sorted(w for w in (*names["commands"], *_flags(TOP_LEVEL, last)) if _is(w, last))
    command = names["commands"].get(words[0])
    if command is None:
        return []
    return sorted(dict.fromkeys(_behind(command, words[1:-1], last, names)))


def _behind(
    command: Mapping[str, Any], before: Sequence[str], last: str, names: Names
) -> Iterator[str]:
    """Candidates for ``last`` behind a command and the words before it, in any order."""
    flags: dict[str, Kind | None] = command["flags"]
    overrides, config_dirs = _sorted_out(flags, before)
    known = Overrides(names, overrides, config_dirs)
    flag, equals, value = last.partition("=")
    if before and flags.get(before[-1]) is not None:
        yield from _values(flags[before[-1]], last, known)
    elif equals and flags.get(flag) is not None:
        yield from (f"{flag}={found}" for found in _values(flags[flag], value, known))
    elif last.startswith("-"):
        yield from _flags(flags, last)
    else:
        yield from _values(command["arguments"], last, known)


def _sorted_out(
    flags: Mapping[str, Kind | None], before: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The words that are no flags nor values of flags, and the folders of ``--config-dir``."""
    others, config_dirs = list[str](), list[str]()
    rest = iter(before)
    for word in rest:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            others.append(word)
        elif flags.get(flag) is not None:
            value = value if equals else next(rest, "")
            if flag in CONFIG_DIR:
                config_dirs.append(os.path.expanduser(value))
    return others, config_dirs


def _values(kind: Kind | None, last: str, known: Overrides) -> Iterator[str]:
    if isinstance(kind, list):
        head, comma, item = last.rpartition(",")
        yield from (f"{head}{comma}{value}" for value in kind if _is(value, item))
    elif kind == "overrides":
        yield from known.candidates(last)
    elif kind == "module":
        yield from modules(last)
    elif kind == "run":
        yield from runs(last)
    elif kind == "file":
        yield from files(last)
    elif kind == "folder":
        yield from folders(last)


def _flags(flags: Mapping[str, Any] | Sequence[str], last: str) -> Iterator[str]:
    """Flags that begin so; the short ones only where a single dash has been typed."""
    for flag in flags if last.startswith("-") else ():
        if _is(flag, last) and (flag.startswith("--") or last == flag):
            yield flag


def _is(word: str, beginning: str) -> bool:
    return word.startswith(beginning)
