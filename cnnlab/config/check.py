"""A value checked against the annotation that it belongs to, and annotations in plain words.

One checker serves the command line, a notebook and a saved config.yaml; Literal, tuples, bounds and
nested dataclasses need no translation into Hydra's own types.
"""

import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cnnlab.registry import CnnlabError, Flags, Range, nearest
from cnnlab.text import as_typed

LARGEST_INT = 2**32 - 1  # of NumPy's seeds; nothing that can be counted here is larger
# What Hydra's grammar reads as a number or a bool.
NOT_TEXT = re.compile(
    r"[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[+-]?\d[\d_]*)?|true|false|[+-]?(inf|nan)", re.IGNORECASE
)
MAX_DIGITS = 40  # of a number in a message
LARGEST_FLOAT = 3.4e38  # float32 holds no more


def option_name(field: dataclasses.Field[Any]) -> str:
    """A field's name as an option: ``from_`` is ``from``, which Python keeps for itself."""
    return field.name.removesuffix("_")


def check(key: str, value: Any, annotation: Any) -> Any:
    """``value`` as the type that ``annotation`` asks for.

    Raises:
        CnnlabError: the value has another type; the message names key, value and what is allowed.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        checked = check(key, value, arguments[0])
        for bound in arguments[1:]:
            if isinstance(bound, Range) and checked is not None and checked not in bound:
                raise CnnlabError(f"{key}={_shown(value)} must be {bound}")
            if isinstance(bound, Flags) and not bound.ordered and checked is not None:
                checked = type(checked)(sorted(set(checked)))
        return checked
    if origin is Literal:
        return _check_literal(key, value, arguments)
    if origin in (Union, types.UnionType):
        return _check_union(key, value, arguments)
    if dataclasses.is_dataclass(annotation):
        return _check_dataclass(key, value, annotation)
    if origin in (list, tuple) or annotation in (list, tuple):
        return _check_sequence(key, value, origin or annotation, arguments)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise CnnlabError(f"{key}={_shown(value)} is not a mapping")
        return {str(k): check(f"{key}.{k}", v, arguments[1]) for k, v in value.items()}
    return value if annotation is Any else _check_scalar(key, value, annotation)


def _check_scalar(key: str, value: Any, kind: type) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is bool and isinstance(value, bool):
        return value
    # An int may be beyond any float: ask first.
    finite = number and (isinstance(value, int) or math.isfinite(value))
    if kind is int and finite and value == int(value):
        _check_magnitude(key, value, LARGEST_INT)
        return int(value)
    if kind is float and finite:
        _check_magnitude(key, value, LARGEST_FLOAT)
        return float(value)
    if kind is str and (number or isinstance(value, str)):
        return str(value)
    if kind is type(None) and value is None:
        return None
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    shown = f"'{value}'" if isinstance(value, str) and NOT_TEXT.fullmatch(value) else _shown(value)
    raise CnnlabError(f"{key}={shown} must be {words.get(kind, type_name(kind))}")


def _check_magnitude(key: str, value: float, largest: float) -> None:
    if abs(value) > largest:
        word = "at most" if value > 0 else "at least"
        bound = f"{largest if value > 0 else -largest:.10g}"
        raise CnnlabError(f"{key}={_shown(value)} must be {word} {bound}")


def _check_literal(key: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    for choice in allowed:
        same = value == choice and isinstance(value, bool) == isinstance(choice, bool)
        if same or (isinstance(choice, str) and _shown(value) == choice):
            return choice
    raise CnnlabError(
        f"{key}={_shown(value)} is not allowed{nearest(str(value), map(as_typed, allowed))}"
    )


def _check_union(key: str, value: Any, members: tuple[Any, ...]) -> Any:
    if value is None and type(None) in members:
        return None
    refusals = []
    for member in members:
        if member is not type(None):
            try:
                return check(key, value, member)
            except CnnlabError as refusal:
                refusals.append(str(refusal))
    if len(refusals) == 1:
        is_kind = any(kind in refusals[0] for kind in (" must be a", " must be text"))
        or_null = " or null" if is_kind else ""
        raise CnnlabError(refusals[0] + or_null)
    kinds = " or ".join(type_name(member) for member in members)
    raise CnnlabError(f"{key}={_shown(value)} must be {kinds}")


def _check_sequence(key: str, value: Any, kind: type, members: tuple[Any, ...]) -> Any:
    if not isinstance(value, (list, tuple)):
        raise CnnlabError(f"{key}={_shown(value)} must be a list: {key}=[...]")
    if kind is tuple and members and members[-1] is not Ellipsis:
        if len(value) != len(members):
            raise CnnlabError(f"{key}={_shown(value)} must have {len(members)} values")
        return tuple(
            check(f"{key}[{i}]", v, m) for i, (v, m) in enumerate(zip(value, members, strict=True))
        )
    member = members[0] if members else Any
    return kind(check(f"{key}[{i}]", item, member) for i, item in enumerate(value))


def _check_dataclass(key: str, value: Any, cls: Any) -> Any:
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise CnnlabError(f"{key}={_shown(value)} is a group of options: {key}.<option>=...")
    allowed = {option_name(field): field.name for field in dataclasses.fields(cls)}
    for name in value:
        if name not in allowed:
            prefix = f"{key}." if key else ""
            near = nearest(str(name), allowed, prefix=prefix)
            raise CnnlabError(f"no option '{prefix}{name}'{near}")
    hints = typing.get_type_hints(cls, include_extras=True)
    values = {
        allowed[name]: check(f"{key}.{name}" if key else name, item, hints[allowed[name]])
        for name, item in value.items()
    }
    try:
        return cls(**values)
    except ValueError as error:  # how a dataclass refuses a combination of its fields
        said, is_named = str(error), str(error).partition("=")[0] in allowed
        joint = "" if not key else "." if is_named else ": "
        raise CnnlabError(f"{key}{joint}{said}") from error


def _shown(value: Any) -> str:
    """A value as it is typed; the middle of a very long number is left out."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_DIGITS:
        power = int(math.log10(abs(value)))
        return f"{'-' * (value < 0)}{abs(value) // 10 ** (power - 3)}... ({power + 1} digits)"
    return as_typed(value)


def type_name(annotation: Any) -> str:
    """An annotation as a listing shows it: ``int``, ``tanh|relu``, ``list of int``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [str(bound) for bound in arguments[1:] if isinstance(bound, Range)]
        return " ".join([type_name(arguments[0]), *bounds])
    if origin is Literal:
        return "|".join(map(as_typed, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(member) for member in arguments)
    if origin in (list, tuple):
        return f"list of {type_name(arguments[0])}"
    return "null" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))
