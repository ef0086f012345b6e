"""A component's signature is its config: read it, offer it to Hydra as plain data, build."""

import dataclasses
import functools
import importlib.util
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cnnlab.config.check import check, option_name
from cnnlab.registry import CnnlabError, Entry, Registry, nearest

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


def to_dict(value: Any) -> Any:
    """``value`` as YAML would hold it: dicts, lists, strings, numbers, booleans and None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {option_name(f): to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
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
            raise CnnlabError(unknown_key(registry, entry.name, str(key), prefix))
    resolved: dict[str, Any] = {"name": entry.name}
    for name, option in allowed.items():
        key = f"{prefix or registry.kind}.{name}"
        value = config.get(name, option.default)
        if isinstance(value, str) and value == REQUIRED:
            raise CnnlabError(f"{registry.kind}={entry.name} needs {key}=...")
        resolved[name] = check(key, value, option.annotation)
    return resolved


def build(registry: Registry, config: Mapping[str, Any], *arguments: Any) -> Any:
    """Look the component up by name and call it with the program's arguments and its options.

    Raises:
        CnnlabError: as ``resolve`` does, or the component refused its options.
    """
    resolved = resolve(registry, config)
    name = resolved.pop("name")
    try:
        return registry[name].component(*arguments, **resolved)
    except ValueError as error:  # how a component refuses a geometry or a combination
        raise CnnlabError(f"{registry.kind}={name}: {error}") from error


def unknown_key(registry: Registry, name: str, key: str, prefix: str | None = None) -> str:
    """Says what a component has in place of an unknown key, and who has that key.

    ``prefix`` as in ``resolve``.
    """
    own = options(registry[name].component)
    owners = [entry.name for entry in registry if key in options(entry.component)]
    refusal = f"{registry.kind}={name} has no option '{key}'"
    if not owners:
        return f"{refusal}{nearest(key, own, prefix=f'{prefix or registry.kind}.')}"
    has = f"; {registry.kind}={name} has: {', '.join(sorted(own))}" if own else ""
    return f"{refusal}; {registry.kind}={owners[0]} has one{has}"


def _refuse_missing_packages(registry: Registry, entry: Entry) -> None:
    for package in entry.packages:
        if importlib.util.find_spec(package) is None:
            raise CnnlabError(
                f"{registry.kind}={entry.name} needs the package {package}: "
                f"pip install 'cnnlab[{package}]'"
            )
