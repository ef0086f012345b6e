"""Numbers, words and config values as people read and type them, and as a page's script does."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def si(value: float) -> str:
    """269722 -> ``269.7k``, 40551808 -> ``40.6M``."""
    if abs(value) < 999.5:
        return f"{value:.0f}"
    thousands = value / 1000
    for unit in ("k", "M", "G"):
        if abs(thousands) < 999.95:
            return f"{thousands:.1f}{unit}"
        thousands /= 1000
    return f"{thousands:.1f}T"


def significant(value: float) -> str:
    """Three digits, or all before the point: 0.21349 -> ``0.213``, 5123.4 -> ``5123``."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def duration(seconds: float) -> str:
    """12.34 -> ``12.3 s``, 750 -> ``12.5 min``, 9000 -> ``2.5 h``."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5997 else f"{seconds / 3600:.1f} h"


def plural(number: int, noun: str) -> str:
    """``1 run``, ``2 runs``, ``0 runs``; for nouns that take an s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def in_lines(text: str, letters: int) -> list[str]:
    """Lines of at most ``letters`` letters, broken behind spaces and underscores where possible.

    So a run's name, one long word, fits above a picture.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.append("")
        for word in re.findall(rf"[^ _]{{0,{letters - 1}}}[ _]|[^ _]{{1,{letters}}}", paragraph):
            if len((lines[-1] + word).rstrip()) > letters:
                lines.append("")
            lines[-1] += word
    return [line for line in map(str.rstrip, lines) if line]


def shortened(names: Sequence[str], most: int = 3) -> str:
    """``'cat', 'dog', 'bird' and 4 more``."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")


def precision_option(precision: str) -> str:
    """Lightning's name of a precision as ``trainer.precision`` has it: ``32-true`` -> ``32``."""
    return precision.partition("-")[0]


def first_line(message: object) -> str:
    """The first line of a text or of an error's message; the class of an error without one."""
    text = str(message).strip()
    if not text and isinstance(message, BaseException):
        return type(message).__name__
    return text.partition("\n")[0].rstrip()


def as_typed(value: Any, digits: int | None = None) -> str:
    """A config value as typed on the command line: ``null``, ``true``, ``[1, 2]``, ``{p: 0.5}``.

    ``digits``: significant ones of a float, at most; None keeps all.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_typed(item, digits) for item in value)}]"
    if isinstance(value, dict):
        items = ", ".join(f"{key}: {as_typed(item, digits)}" for key, item in value.items())
        return f"{{{items}}}"
    if isinstance(value, float) and digits is not None:
        return f"{value:.{digits}g}"
    return str(value)


def as_script(data: Any) -> str:
    """JSON that is safe within a ``<script>``, whatever the texts in it."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)  # ASCII: no U+2028 either
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def script_hash(script: str) -> str:
    """By which a page's content security policy knows a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def render_page(template: Path, context: Mapping[str, Any]) -> str:
    """An HTML page from a template of jinja2's, every value in it escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(context)
