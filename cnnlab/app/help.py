"""The page of `cnnlab train --help`: flags, overrides, and every run-level option."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from rich.console import Console

from cnnlab.app.listing import variants
from cnnlab.app.option_table import (
    OptionRow,
    brief,
    component_rows,
    field_rows,
    print_heading,
    print_lines,
    print_rows,
)
from cnnlab.app.overrides import CONF
from cnnlab.config.docs import summary
from cnnlab.config.options import GROUPS, LISTS, RunConfig
from cnnlab.registry import Registry
from cnnlab.sweep.launchers.options import LAUNCHERS
from cnnlab.sweep.search.options import SearchOptions

_FLAGS = (
    ("--import MODULE", "import a Python module first, which registers your own components"),
    ("--plan", "print the jobs, their cost and their time; train nothing"),
    ("-v, --verbose", "show the messages of Lightning"),
    ("-m, --multirun", "sweep over options with several values"),
    ("--cfg job", "print the config of the run; train nothing"),
    ("--info defaults", "print where that config is composed from"),
    ("--help", "print this page"),
)
_OVERRIDES = (
    "model=resnet20 chooses a component; trainer.epochs=20 or model.depth=32 sets an option.",
    "With -m several values are a sweep: model=mlp,lenet5 seed=range(5) optim.lr=0.1,0.01.",
    "The defaults are below; cnnlab train --cfg job shows what a command line composes.",
)
_LISTING = {"model": "cnnlab models", "data": "cnnlab data"}  # commands that list these groups
_MAX_NAMES = 16  # of longer lists only the number is shown


def print_train_help() -> None:
    """Print the page at the width of the terminal; shows what `discover` has registered."""
    console = Console(highlight=False)
    console.print("Usage: cnnlab train [FLAGS] [KEY=VALUE]...\n")
    console.print("Train one run, or with -m a sweep of runs over options with several values.\n")
    print_heading(console, "Flags", "")
    print_rows(console, [OptionRow(flag, text, "") for flag, text in _FLAGS])
    console.print()
    print_heading(console, "Overrides", "")
    print_lines(console, _OVERRIDES)
    for title, text, rows in _sections():
        console.print()
        print_heading(console, title, text)
        print_rows(console, rows)


def _sections() -> Iterator[tuple[str, str, list[OptionRow]]]:
    """The title, text and options of each section."""
    choices = [_choice(group, name) for group, name in _default_choices()]
    yield "Choices", "what a run is made of, each with options of its own", choices
    names = {row: row.assignment.partition("=")[0] for row in field_rows("", RunConfig)}
    loose = [row for row, name in names.items() if "." not in name and name not in LISTS]
    yield "Run", "options outside any group", loose
    for name, node in typing.get_type_hints(RunConfig).items():
        if dataclasses.is_dataclass(node):
            yield name, summary(node), list(field_rows(f"{name}.", node))
    for kind, registry in GROUPS.items():
        if kind not in _LISTING:
            for entry in registry:
                rows = list(component_rows(kind, entry.component))
                yield f"{kind}={entry.name}", summary(entry.component), rows
    for kind, registry in LISTS.items():
        for entry in registry:
            rows = list(component_rows(f"{kind}.{entry.name}", entry.component))
            yield f"{kind}=[{entry.name}]", summary(entry.component), rows
    for name, launcher in LAUNCHERS.items():
        rows = list(field_rows("hydra.launcher.", launcher))
        yield f"hydra/launcher={name}", summary(launcher), rows
    rows = list(field_rows("hydra.sweeper.", SearchOptions))
    yield "hydra/sweeper=optuna", summary(SearchOptions), rows


def _default_choices() -> Iterator[tuple[str, str]]:
    """Each group and its default in conf/config.yaml."""
    composed = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    for item in composed["defaults"]:
        if isinstance(item, Mapping):
            ((group, name),) = item.items()
            if not group.endswith("_logging"):
                yield group.removeprefix("override "), brief(name)


def _choice(group: str, name: str) -> OptionRow:
    """A row that shows what can be chosen in a group."""
    if group in _LISTING:
        return OptionRow(f"{group}={name}", f"names and options: {_LISTING[group]}", "")
    names = list(_names(group))
    if len(names) > _MAX_NAMES:
        return OptionRow(f"{group}={name}", f"one of {len(names)} files in conf/{group}", "")
    return OptionRow(f"{group}={name}", " | ".join(names), "")


def _names(group: str) -> Iterator[str]:
    if group in (groups := GROUPS | LISTS):
        registry: Registry = groups[group]
        yield from (entry.name for entry in registry)
        yield from (name for name, _ in variants(registry))
    elif group == "hydra/launcher":
        yield from LAUNCHERS
    elif group == "hydra/sweeper":
        yield from ("cnnlab", "optuna")
    else:
        folders = (CONF / group, Path.cwd() / "conf" / group)
        files = {file.stem for folder in folders for file in folder.glob("*.yaml")}
        yield from sorted(files | ({"default"} if group == "trainer" else set()))
