"""Where tables and lines are printed: folded to a terminal's width, in whole lines elsewhere."""

import re
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

UNLIMITED = 10_000  # columns where there is no terminal: no line is wrapped


def console(file: TextIO | None = None) -> "Console":
    """A console as wide as its terminal; without a terminal, lines are never wrapped.

    Args:
        file: where to print; None is the standard output of the moment.
    """
    from rich.console import Console

    stream = file or sys.stdout
    found = Console(file=stream, highlight=False)
    if found.is_terminal:
        return found
    return Console(file=cast(TextIO, _Trimmed(stream)), width=UNLIMITED, highlight=False)


def natural_width(console: "Console", renderable: "RenderableType") -> int:
    """Columns that something takes where nothing in it has to be wrapped."""
    from rich.measure import Measurement

    options = console.options.update_width(UNLIMITED)
    return Measurement.get(console, options, renderable).maximum


def middle_cut(text: str, most: int) -> str:
    """Shorten a text to at most ``most`` letters by cutting out its middle.

    ``a_very_long_name_of_a_class`` -> ``a_very_long…a_class``.
    """
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


class _Trimmed:
    """A stream without the spaces at the ends of lines, by which rich fills up what it draws."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
