"""Reading a file that may be damaged: what is wrong with it is said in a few words, by its name.

Of a run's own files ``contents.py`` says what they must hold.
"""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cnnlab.registry import CnnlabError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with it
DEEPEST = 20  # of a YAML file: mappings and lists within others
MANY = 1000  # a YAML file with fewer brackets and shorter lines is not nested deeply


class DamagedFileError(CnnlabError):
    """A run's file that cannot be read or does not hold what it should; its path comes first."""


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty where it holds nothing, as those in conf/.

    Raises:
        DamagedFileError: there is none, or it is damaged.
    """
    content = read_mapping(file, lambda text: parse_yaml(text) or {}, lambda _: "")
    if content is None:
        raise DamagedFileError(f"{file}: no such file")
    return content


def require_file(file: Path) -> None:
    """Refuse a folder, a pipe or a device, which could be read without end.

    Raises:
        OSError: it is one of these, or there is nothing.
    """
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError("is a folder" if stat.S_ISDIR(mode) else "is not a file")


def is_file(path: Path) -> bool:
    """Whether there is a file, of any content.

    Raises:
        DamagedFileError: its folder cannot be looked into.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise DamagedFileError(f"{path}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Why a file could not be read, in a few words without its path."""
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    words = " ".join(str(error).split())
    return words if len(words) <= 200 else f"{words[:200]} ..."


def read_mapping(
    file: Path, parse: Callable[[str], Any], fault: Callable[[dict[str, Any]], str]
) -> dict[str, Any] | None:
    """The mapping in a file; None where there is none.

    Args:
        fault: says what is wrong with it, in some words; empty where nothing is.

    Raises:
        DamagedFileError: it cannot be read, is no mapping, or has a fault.
    """
    try:
        require_file(file)
        content = parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DamagedFileError(f"{file}: {reason(error)}") from error
    if not isinstance(content, dict):
        raise DamagedFileError(f"{file}: holds {shown(content)}, not a mapping")
    found = fault(content)
    if found:
        raise DamagedFileError(f"{file}: {found}")
    return content


def parse_yaml(text: str) -> Any:
    """A YAML document.

    Raises:
        ValueError: it is nested so deeply that libyaml, which recurses in C, could crash.
        yaml.YAMLError: it is none.
    """
    lines = (line.count("-") + line.count("?") + len(line) for line in text.splitlines())
    if text.count("[") + text.count("{") + max(lines, default=0) > MANY:
        depth = 0
        for event in yaml.parse(text, Loader=LOADER):  # without recursion
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise ValueError("is nested too deeply")
    return yaml.load(text, Loader=LOADER)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]} ..."
