"""Parsing one line of a conv_stack, ``conv 64 4 stride=2``, by its builder's signature.

The first parameter of a builder is passed by the program. Positional ones are the line's bare
values, in order; keyword-only ones are its ``name=value`` parts; ``Annotated`` sets bounds.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from cnnlab.registry import nearest

Builder = Callable[..., Any]
Value = int | float | bool | str
_NUMBER = {int: "a whole number", float: "a number"}


def parse_line(text: str, builders: Mapping[str, Builder]) -> tuple[str, dict[str, Value]]:
    """The line's first word, and the arguments for ``builders[word]``.

    Raises:
        ValueError: what is wrong with the line, and how it should be written.
    """
    if not text.split():
        raise ValueError(f"is empty (one of: {', '.join(sorted(builders))})")
    word, *parts = text.split()
    if word not in builders:
        raise ValueError(f"no layer '{word}'{nearest(word.lower(), builders)}")
    parameters = list(inspect.signature(builders[word]).parameters.values())[1:]
    hints = get_type_hints(builders[word], include_extras=True)
    try:
        texts = _assign(parts, parameters)
        return word, {name: _parse_value(name, text, hints[name]) for name, text in texts.items()}
    except ValueError as error:
        raise ValueError(f"{error}; write '{usage(word, builders[word])}'") from None


def usage(word: str, builder: Builder) -> str:
    """The syntax of a line: ``conv CHANNELS KERNEL stride=1 padding=valid``."""
    words = [word]
    for parameter in list(inspect.signature(builder).parameters.values())[1:]:
        if parameter.default is inspect.Parameter.empty:
            words.append(parameter.name.upper())
        else:
            default = "KERNEL" if parameter.default is None else str(parameter.default).lower()
            words.append(f"{parameter.name}={default}")
    return " ".join(words)


def _assign(parts: list[str], parameters: list[inspect.Parameter]) -> dict[str, str]:
    """Parameter name -> its text in the line."""
    names = [parameter.name for parameter in parameters]
    bare = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    texts: dict[str, str] = {}
    for part in parts:
        name, is_named, value = part.partition("=")
        if not is_named:
            free = [candidate for candidate in bare if candidate not in texts]
            if not free:
                raise ValueError(f"'{part}' is one value too many")
            name, value = free[0], part
        if name not in names:
            raise ValueError(f"no argument '{name}'{nearest(name, names)}")
        if name in texts:
            raise ValueError(f"{name} is set twice")
        texts[name] = value
    for parameter in parameters:
        if parameter.default is inspect.Parameter.empty and parameter.name not in texts:
            raise ValueError(f"{parameter.name} is missing")
    return texts


def _parse_value(name: str, text: str, hint: Any) -> Value:
    """The text as its annotated type: a word of a Literal, true or false, or a number in bounds."""
    kind, *bounds = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    kinds = get_args(kind) or (kind,)
    words = [word for k in kinds if get_origin(k) is Literal for word in get_args(k)]
    if bool in kinds:
        words = ["true", "false"]
    if text in words:
        return text == "true" if bool in kinds else text
    number = float if float in kinds else int
    try:
        value = number(text) if bool not in kinds else None
    except ValueError:
        value = None
    if value is not None and all(value in bound for bound in bounds):
        return value
    wanted = [] if bool in kinds else [" ".join([_NUMBER[number], *map(str, bounds)])]
    raise ValueError(f"{name}={text} must be {' or '.join(wanted + words)}")
