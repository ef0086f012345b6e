"""What the docstrings of components say about them: a summary, and one text for each option.

The documentation of an option is in the Google-style ``Args:`` section of the class, function or
dataclass that has it, and listings print it from there.
"""

import inspect
import re
from typing import Any

_ENTRY = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.*)")
_SENTENCE_END = re.compile(r"(?<!\bal)\.\s+(?=[A-Z\d(])")  # not the one of "et al."


def summary(component: Any) -> str:
    """The first sentence of a component's docstring, without its full stop."""
    return _SENTENCE_END.split(first_paragraph(component))[0].rstrip(".")


def first_paragraph(component: Any) -> str:
    """The first paragraph of a component's docstring on one line; empty if there is none."""
    return _plain((inspect.getdoc(component) or "").partition("\n\n")[0])


def difference(component: Any) -> str:
    """The docstring's paragraph ``Differs: ...`` on one line; empty if there is none.

    It says where the component is not as its paper or its authors' code has it.
    """
    paragraphs = (inspect.getdoc(component) or "").split("\n\n")
    return next((_plain(p) for p in paragraphs if p.startswith("Differs: ")), "")


def option_docs(component: Any) -> dict[str, str]:
    """The documentation of each option of a class, function or dataclass.

    A class that inherits options inherits their documentation. ``from_`` is the option ``from``.
    """
    docs: dict[str, str] = {}
    for owner in reversed(component.__mro__) if inspect.isclass(component) else (component,):
        docs |= _args_section(owner.__doc__)  # a class's own: ``__doc__`` is not inherited
    return docs


def _args_section(docstring: str | None) -> dict[str, str]:
    """Name -> text of each entry below ``Args:``; continuation lines are joined by spaces."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    if "Args:" not in lines:
        return {}
    docs: dict[str, str] = {}
    names: list[str] = []
    margin = None  # of an entry's first line
    for line in lines[lines.index("Args:") + 1 :]:
        indent = len(line) - len(line.lstrip())
        if line and indent == 0:
            break
        margin = indent if margin is None and line else margin
        entry = _ENTRY.fullmatch(line.strip()) if indent == margin else None
        if entry is not None:
            names = [name.removesuffix("_") for name in entry["names"].split(", ")]
            docs |= dict.fromkeys(names, entry["text"])
        elif line:
            docs |= {name: f"{docs[name]} {line}" for name in names}
    return {name: _plain(text) for name, text in docs.items()}


def _plain(text: str) -> str:
    """Text on one line, without the backticks of reStructuredText."""
    return " ".join(text.replace("``", "").split())
