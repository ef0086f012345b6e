"""Which options make a run's identity, its name and a comparison's columns: their flags, collected.

Nothing here loads torch, so that run folders can be listed and compared without it. What names,
columns and quoting must know of a data set's option (``data.root``) is therefore declared on
``RunConfig``; whether it is part of the identity, on the data set's own signature.
"""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from cnnlab.config.check import option_name
from cnnlab.config.options import RunConfig
from cnnlab.config.schema import options, to_dict
from cnnlab.registry import Flags

PLAIN = Flags()


def flags(key: str) -> Flags:
    """The flags of a run-level option, ``trainer.test``, or of the group that contains it."""
    known = run_flags()
    while key not in known and "." in key:
        key = key.rpartition(".")[0]
    return known.get(key, PLAIN)


@functools.cache
def run_flags() -> dict[str, Flags]:
    """The flags of every run-level option that has some, by its key."""
    return dict(_walk("", typing.get_type_hints(RunConfig, include_extras=True)))


def run_level_annotation(key: str) -> Any:
    """The annotation of a run-level option such as ``trainer.max_time``; None for any other key."""
    annotation: Any = RunConfig
    for name in key.split("."):
        if not dataclasses.is_dataclass(annotation):
            return None
        hints = typing.get_type_hints(annotation)
        fields = {option_name(field): field.name for field in dataclasses.fields(annotation)}
        annotation = hints.get(fields.get(name, ""))
    return annotation


@functools.cache
def component_flags(component: Callable[..., Any]) -> dict[str, Flags]:
    """The flags of a component's options that have some: ``root``, ``augment.crop``."""
    return dict(_walk("", {name: o.annotation for name, o in options(component).items()}))


def enters(flags: Flags, value: Any) -> bool:
    """Whether an option's value, as plain data, is part of a run's identity."""
    return flags.identity and (flags.neutral is ... or to_dict(flags.neutral) != value)


def _walk(prefix: str, annotations: Mapping[str, Any]) -> Iterator[tuple[str, Flags]]:
    for name, annotation in annotations.items():
        key, notes = f"{prefix}{name}", []
        if get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
        for note in notes:
            if isinstance(note, Flags):
                yield key, note
            elif isinstance(note, Mapping):
                yield from ((f"{key}.{inner}", flags) for inner, flags in note.items())
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                hints = typing.get_type_hints(kind, include_extras=True)
                named = {option_name(f): hints[f.name] for f in dataclasses.fields(kind)}
                yield from _walk(f"{key}.", named)
