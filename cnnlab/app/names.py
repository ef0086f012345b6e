"""Every name that completion offers: commands, flags, components, options and their values.

It loads all that registers components, torch too; ``name_cache.py`` keeps what it finds.
"""

import dataclasses
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from cnnlab.app.arguments import ANSWERS, CONFIG_DIR, HELP, MULTIRUN, PACKAGE, RESOLVE
from cnnlab.app.listing import component_groups
from cnnlab.app.overrides import CONF, default_choices
from cnnlab.config.check import option_name
from cnnlab.config.options import GROUPS, LISTS, RunConfig
from cnnlab.config.schema import options
from cnnlab.explain.convolution.kernels import KERNELS
from cnnlab.explain.convolution.sliding import POOL_KINDS
from cnnlab.metrics import ACCURACY, LOSS
from cnnlab.registry import DATASETS
from cnnlab.runs.state import RunState
from cnnlab.runs.status import ORDERS
from cnnlab.sweep.launchers.options import LAUNCHERS
from cnnlab.sweep.search.options import SWEEPERS, SearchOptions

Kind = str | list[str]  # of a value: see candidates.py
PATHS: dict[str, Kind] = {
    "resume": "run",
    "init.from": "weights",
    "runs_dir": "folder",
    "data.root": "folder",
    "sweep.name": "sweep",
}


def collect() -> dict[str, Any]:
    """The names of all that is registered, as plain data.

    Returns:
        ``commands``: of each its ``flags``, with None or the kind of their value, and the kind of
        its ``arguments``. ``groups``: of each its ``names`` and the ``default``. ``options``: by
        component, ``model=resnet``, or "" for those of every run, each with the kind of its value.
        ``conf``: the folder of our own configs.
    """
    return {
        "commands": dict(_commands()),
        "groups": dict(_groups()),
        "options": dict(_scopes()),
        "conf": str(CONF),
    }


def _commands() -> Iterator[tuple[str, dict[str, Any]]]:
    from cnnlab.app.cli import app

    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        if command.hidden:
            continue
        hints = get_type_hints(command.callback)
        flags: dict[str, Kind | None] = {"--help": None}
        takes_hydras = bool(command.context_settings.get("allow_extra_args"))
        arguments: Kind = "overrides" if takes_hydras else ""
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                arguments = _kind_of_argument(parameter.name, hints[parameter.name])
                continue
            for flag in (*parameter.opts, *parameter.secondary_opts):
                choices = [c for c in _choices(hints[parameter.name]) if c != "null"]
                kind = _kind_of_flag(flag) or choices
                flags[flag] = None if parameter.is_flag else kind
        if takes_hydras:
            flags |= dict.fromkeys((*MULTIRUN, *HELP, RESOLVE)) | dict.fromkeys(PACKAGE, "")
            flags |= {flag: list(found) for flag, found in ANSWERS.items()}
            flags |= dict.fromkeys(CONFIG_DIR, "folder")
        yield name, {"flags": flags, "arguments": arguments}


def _kind_of_argument(name: str, annotation: Any) -> Kind:
    known: dict[str, Kind] = {"words": "overrides", "kind": list(component_groups())}
    known["pictures"] = "file"  # behind a run
    return known.get(name) or _choices(annotation) or ("run" if _is_path(annotation) else "")


def _is_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_is_path, get_args(annotation)))


def _kind_of_flag(flag: str) -> Kind:
    known: dict[str, Kind] = {
        "--import": "module",
        "--where": "overrides",
        "--why": "run",
        "--out": "folder",
        "--json": "file",
        "--plot": "file",
        "--data": [entry.name for entry in DATASETS],
        "--status": [str(state) for state in RunState if " " not in state],
        "--kernel": [*KERNELS, "all"],
        "--padding": ["same", "valid"],
        "--pool": list(POOL_KINDS),
        "--sort": [*ORDERS, *(f"val_{metric.column}" for metric in (ACCURACY, LOSS))],
    }
    return known.get(flag, "")


def _groups() -> Iterator[tuple[str, dict[str, list[str]]]]:
    names = {
        kind: [entry.name for entry in registry] for kind, registry in (GROUPS | LISTS).items()
    }
    names |= {"trainer": ["default"], "experiment": ["null"]}
    names |= {"hydra/launcher": list(LAUNCHERS), "hydra/sweeper": list(SWEEPERS)}
    defaults = dict(default_choices())
    for group, found in names.items():
        default = defaults.get(group)
        listed = default if isinstance(default, list) else [] if default is None else [default]
        yield group, {"names": found, "default": listed}


def _scopes() -> Iterator[tuple[str, dict[str, Kind]]]:
    chosen = (*GROUPS, *LISTS)
    yield "", {k: kind for k, kind in _fields("", RunConfig) if k.partition(".")[0] not in chosen}
    for group, registry in (GROUPS | LISTS).items():
        for entry in registry:
            place = f"{group}.{entry.name}" if group in LISTS else group
            yield f"{group}={entry.name}", dict(_component(place, entry.component))
    for name, launcher in LAUNCHERS.items():
        yield f"hydra/launcher={name}", dict(_fields("hydra.launcher.", launcher))
    yield "hydra/sweeper=optuna", dict(_fields("hydra.sweeper.", SearchOptions))


def _component(place: str, component: Any) -> Iterator[tuple[str, Kind]]:
    for name, option in options(component).items():
        yield from _option(f"{place}.{name}", option.annotation, option.default)


def _fields(prefix: str, cls: Any) -> Iterator[tuple[str, Kind]]:
    hints = get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        yield from _option(f"{prefix}{option_name(field)}", hints[field.name], field.default)


def _option(key: str, annotation: Any, default: Any) -> Iterator[tuple[str, Kind]]:
    """An option and the kind of its value; of a group of options, each of them."""
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if dataclasses.is_dataclass(inner):
        yield from _fields(f"{key}.", inner)
        return
    yield key, PATHS.get(key) or _choices(inner) or _shown(default)


def _choices(annotation: Any) -> list[str]:
    """The values that an annotation lists, where it lists them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _choices(arguments[0])
    if annotation is bool:
        return ["true", "false"]
    if origin is Literal:
        return [
            str(value).lower() if isinstance(value, bool) else str(value) for value in arguments
        ]
    if origin in (Union, types.UnionType):
        found = [value for member in arguments for value in _choices(member)]
        return [*found, "null"] if found and type(None) in arguments else found
    return []


def _shown(default: Any) -> list[str]:
    """The default of an option whose values cannot be listed, which is at least an example."""
    plain = isinstance(default, int | float) or (
        isinstance(default, str) and default.isidentifier()
    )
    return [str(default)] if plain else []
