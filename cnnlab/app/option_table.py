"""Options as they are typed, with default, documentation and type, in two aligned columns."""

import dataclasses
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cnnlab.config import schema
from cnnlab.config.check import type_name
from cnnlab.config.docs import option_docs

_INDENT = 4
_LEFT = 0.5  # widest left column, as a fraction of the console


@dataclass(frozen=True)
class OptionRow:
    """One option: ``model.depth=20``, its type and what its docstring says."""

    assignment: str
    kind: str
    text: str


def component_rows(group: str, component: Any) -> Iterator[OptionRow]:
    """The options of a registered component, named ``group.option``."""
    docs = option_docs(component)
    for name, option in schema.options(component).items():
        default = "..." if option.required else _default(option.default)
        kind = f"{_kind(option.annotation)}, required" if option.required else None
        yield OptionRow(
            f"{group}.{name}={default}", kind or _kind(option.annotation), docs.get(name, "")
        )


def field_rows(prefix: str, cls: Any) -> Iterator[OptionRow]:
    """The options of a dataclass, those of dataclasses within it too, named ``prefix`` + name."""
    hints, docs = typing.get_type_hints(cls, include_extras=True), option_docs(cls)
    for field in dataclasses.fields(cls):
        name, hint = field.name.removesuffix("_"), hints[field.name]
        group = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        if dataclasses.is_dataclass(group):
            yield from field_rows(f"{prefix}{name}.", group)
        elif _has_default(field):
            default = field.default
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            yield OptionRow(f"{prefix}{name}={_default(default)}", _kind(hint), docs.get(name, ""))


def nested_options(component: Any) -> list[tuple[str, Any]]:
    """The options of a component that are groups of options: name and dataclass."""
    return [
        (name, option.annotation)
        for name, option in schema.options(component).items()
        if dataclasses.is_dataclass(option.annotation)
    ]


def print_heading(console: Console, name: str, text: str) -> None:
    """Print a name and what it is, continuation lines aligned with the text."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(Text(name, style="bold"), Text(text))
    console.print(grid)


def print_lines(console: Console, lines: Sequence[str]) -> None:
    """Print lines of rich markup, indented, continuation lines by more."""
    for line in lines:
        text = Text.from_markup(line)
        first, *others = text.wrap(console, console.width - _INDENT - 2)
        console.print(Padding(first, (0, 0, 0, _INDENT)))
        for other in others:
            console.print(Padding(other, (0, 0, 0, _INDENT + 2)))


def print_rows(console: Console, rows: Sequence[OptionRow]) -> None:
    """Print each option, what it means and in brackets what it can be."""
    longest = max((len(row.assignment) for row in rows), default=0)
    width = min(longest, int(console.width * _LEFT))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=width, overflow="fold")
    grid.add_column(ratio=1)
    for row in rows:
        text = Text(row.text)
        if row.kind:
            text.append(f" [{row.kind}]" if row.text else row.kind, style="dim" if row.text else "")
        grid.add_row(Text(row.assignment), text)
    if rows:
        console.print(Padding(grid, (0, 0, 0, _INDENT)))


def brief(value: Any) -> str:
    """A value as it is typed on a command line; long lists by their number of items."""
    if isinstance(value, list):
        if len(value) > 6:
            return f"[{len(value)} items]"
        return f"[{','.join(map(brief, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{brief(item)}" for key, item in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _default(value: Any) -> str:
    """A default; of a group of options, only what differs from the group's own defaults."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return brief(schema.to_dict(value))
    standard = schema.to_dict(type(value)())
    return brief({k: v for k, v in schema.to_dict(value).items() if v != standard[k]})


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _kind(annotation: Any) -> str:
    if dataclasses.is_dataclass(annotation):
        return "options, listed at the end"
    name = type_name(annotation)
    return name.replace("bool", "true|false").replace("|", " | ")
