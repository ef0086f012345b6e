"""A component's signature is its config: read it, offer it to Hydra, check values, build.

Hydra is given plain dictionaries of names and defaults; every value is then checked here, by the
annotation it belongs to. One checker serves the command line, a notebook and a saved config.yaml,
and Literal, tuples, bounds and nested dataclasses need no translation into Hydra's own types.
"""

import dataclasses
import functools
import importlib.util
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cnnlab.registry import CnnlabError, Entry, Range, Registry, nearest

REQUIRED = "???"  # what Hydra and OmegaConf print for a value that must be given


@dataclass(frozen=True)
class Option:
    """One keyword-only argument of a component."""

    name: str
    annotation: Any
    default: Any = REQUIRED

    @property
    def required(self) -> bool:
        return isinstance(self.default, str) and self.default == REQUIRED


@functools.cache
def options(component: Callable[..., Any]) -> dict[str, Option]:
    """The keyword-only arguments of a class or function, in their order.

    Raises:
        TypeError: an argument is hidden behind ``**kwargs`` or lacks an annotation.
    """
    signature = inspect.signature(component)
    target = component.__init__ if inspect.isclass(component) else component
    hints = typing.get_type_hints(target, include_extras=True)
    found = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise TypeError(f"{component.__qualname__}: **{name} hides what can be configured")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        if name not in hints:
            raise TypeError(f"{component.__qualname__}: argument '{name}' has no annotation")
        default = REQUIRED if parameter.default is parameter.empty else parameter.default
        found[name] = Option(name, hints[name], default)
    return found


def _key(field: dataclasses.Field[Any]) -> str:
    """A field's name as an option: ``from_`` is ``from``, which Python keeps for itself."""
    return field.name.removesuffix("_")


def to_dict(value: Any) -> Any:
    """``value`` as YAML would hold it: dicts, lists, strings, numbers, booleans and None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_key(f): to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_dict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_dict(item) for item in value]
    return value


def defaults(entry: Entry) -> dict[str, Any]:
    """The config node of a registered component: its name and every default."""
    found = options(entry.component)
    return {"name": entry.name} | {name: to_dict(option.default) for name, option in found.items()}


def resolve(
    registry: Registry, config: Mapping[str, Any], prefix: str | None = None
) -> dict[str, Any]:
    """A component's config, complete and checked: ``name`` and every option, typed.

    ``prefix`` is what stands before an option's name in messages, the registry's kind if None.

    Raises:
        CnnlabError: an unknown name or key, a missing or ill-typed value.
    """
    if "name" not in config:
        raise CnnlabError(f"{registry.kind} needs a name{nearest('', (e.name for e in registry))}")
    entry = registry[str(config["name"])]
    _refuse_missing_packages(registry, entry)
    allowed = options(entry.component)
    for key in config:
        if key != "name" and key not in allowed:
            raise CnnlabError(unknown_key(registry, entry.name, str(key)))
    resolved: dict[str, Any] = {"name": entry.name}
    for name, option in allowed.items():
        key = f"{prefix or registry.kind}.{name}"
        value = config.get(name, option.default)
        if isinstance(value, str) and value == REQUIRED:
            raise CnnlabError(f"{registry.kind}={entry.name} needs {key}=...")
        resolved[name] = check(key, value, option.annotation)
    return resolved


def build(registry: Registry, config: Mapping[str, Any], *given: Any) -> Any:
    """Look the component up by name and call it with the program's arguments and its options.

    Raises:
        CnnlabError: as ``resolve`` does, or the component refused its options.
    """
    resolved = resolve(registry, config)
    name = resolved.pop("name")
    try:
        return registry[name].component(*given, **resolved)
    except ValueError as error:  # how a component refuses a geometry or a combination
        raise CnnlabError(f"{registry.kind}={name}: {error}") from error


def unknown_key(registry: Registry, name: str, key: str) -> str:
    """Says what a component has in place of an unknown key, and who has that key."""
    own = options(registry[name].component)
    owners = [entry.name for entry in registry if key in options(entry.component)]
    elsewhere = f"; {registry.kind}={owners[0]} has one" if owners else ""
    return f"{registry.kind}={name} has no option '{key}'{elsewhere}{nearest(key, own)}"


def _refuse_missing_packages(registry: Registry, entry: Entry) -> None:
    for package in entry.packages:
        if importlib.util.find_spec(package) is None:
            raise CnnlabError(
                f"{registry.kind}={entry.name} needs the package {package}: "
                f"pip install 'cnnlab[{package}]'"
            )


def check(key: str, value: Any, annotation: Any) -> Any:
    """``value`` as the type that ``annotation`` asks for.

    Raises:
        CnnlabError: it is none; the message names key, value and what is allowed.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        checked = check(key, value, arguments[0])
        for bound in arguments[1:]:
            if isinstance(bound, Range) and checked is not None and checked not in bound:
                raise CnnlabError(f"{key}={value} must be {bound}")
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
            raise CnnlabError(f"{key}={value} is no mapping")
        return {str(k): check(f"{key}.{k}", v, arguments[1]) for k, v in value.items()}
    return value if annotation is Any else _check_scalar(key, value, annotation)


def _check_scalar(key: str, value: Any, kind: type) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and number and math.isfinite(value) and value == int(value):
        return int(value)
    if kind is float and number and math.isfinite(value):
        return float(value)
    if kind is str and (number or isinstance(value, str)):
        return str(value)
    if kind is type(None) and value is None:
        return None
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    raise CnnlabError(f"{key}={_shown(value)} must be {words.get(kind, type_name(kind))}")


def _check_literal(key: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    for choice in allowed:
        if value == choice or (isinstance(choice, str) and _shown(value) == choice):
            return choice
    raise CnnlabError(
        f"{key}={_shown(value)} is not allowed{nearest(str(value), map(str, allowed))}"
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
        or_null = "" if " must be a" not in refusals[0] else " or null"
        raise CnnlabError(refusals[0] + or_null)
    kinds = " or ".join(type_name(member) for member in members)
    raise CnnlabError(f"{key}={_shown(value)} must be {kinds}")


def _check_sequence(key: str, value: Any, kind: type, members: tuple[Any, ...]) -> Any:
    if not isinstance(value, (list, tuple)):
        raise CnnlabError(f"{key}={_shown(value)} must be a list: {key}=[...]")
    if kind is tuple and members and members[-1] is not Ellipsis:
        if len(value) != len(members):
            raise CnnlabError(f"{key}={list(value)} must hold {len(members)} values")
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
    allowed = {_key(field): field.name for field in dataclasses.fields(cls)}
    for name in value:
        if name not in allowed:
            prefix = f"{key}.{name}" if key else str(name)
            raise CnnlabError(f"no option '{prefix}'{nearest(str(name), allowed)}")
    hints = typing.get_type_hints(cls, include_extras=True)
    given = {
        allowed[name]: check(f"{key}.{name}" if key else name, item, hints[allowed[name]])
        for name, item in value.items()
    }
    try:
        return cls(**given)
    except ValueError as error:  # how a dataclass refuses a combination of its fields
        raise CnnlabError(f"{key}: {error}" if key else str(error)) from error


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def type_name(annotation: Any) -> str:
    """An annotation as a listing shows it: ``int``, ``tanh|relu``, ``list of int``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [str(bound) for bound in arguments[1:] if isinstance(bound, Range)]
        return " ".join([type_name(arguments[0]), *bounds])
    if origin is Literal:
        return "|".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(member) for member in arguments)
    if origin in (list, tuple):
        return f"list of {type_name(arguments[0])}"
    return "null" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))
