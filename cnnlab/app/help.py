"""The page of `cnnlab train --help`: flags, overrides, and every run-level option."""

import dataclasses
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

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
from cnnlab.app.overrides import CONF, default_choices
from cnnlab.config.docs import summary
from cnnlab.config.options import GROUPS, LISTS, RunConfig
from cnnlab.registry import Registry
from cnnlab.sweep.launchers.options import LAUNCHERS
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.terminal import console

_FLAGS = (
    ("--import MODULE", "import a Python module first, to register your own components"),
    ("--plan", "print the jobs with their cost and estimated time; train nothing"),
    ("-v, --verbose", "show Lightning's messages"),
    ("-m, --multirun", "sweep over options with several values"),
    ("-cd, --config-dir FOLDER", "also read configs from FOLDER, which is laid out like conf/"),
    ("-c, --cfg job", "print the config of the run; train nothing"),
    ("-p, --package GROUP", "with --cfg: print only this group of the config, such as optim"),
    ("--resolve", "with --cfg: print the values that ${...} refers to"),
    ("-i, --info defaults", "print the defaults list that this config is composed from"),
    (
        "-h, --help [PART]...",
        "print this page, or parts of it: trainer, optim, optim=adam, model=resnet20",
    ),
)
_OVERRIDES = (
    "model=resnet20 chooses a component; trainer.epochs=20 or model.depth=32 sets an option.",
    "With -m, several values form a sweep: model=mlp,lenet5 seed=range(5) optim.lr=0.1,0.01.",
    "Options are listed as OPTION=DEFAULT with their meaning and, in brackets, allowed values.",
    "cnnlab train --cfg job shows the config that a command line composes.",
)
_LISTING = {"model": "cnnlab models", "data": "cnnlab data"}  # commands that list these groups
_MAX_NAMES = 16  # of longer lists only the number is shown


Section = tuple[str, str, list[OptionRow]]  # title, text and options


def print_train_help(parts: Sequence[str] = ()) -> None:
    """Print the page at the width of the terminal; shows what `discover` has registered.

    Args:
        parts: groups, components or options; the page has the sections of these alone, and all
            where there is none of them.
    """
    out = console()
    chosen = [section for part in parts for section in _sections_of(part)]
    if not chosen:
        out.print("Usage: cnnlab train [FLAGS] [KEY=VALUE]...\n")
        out.print("Train one run, or with -m a sweep over options with several values.\n")
        print_heading(out, "Flags", "")
        print_rows(out, [OptionRow(flag, "", text) for flag, text in _FLAGS])
        out.print()
        print_heading(out, "Overrides", "")
        print_lines(out, _OVERRIDES)
        out.print()
    for number, (title, text, rows) in enumerate(chosen or _sections()):
        out.print("\n" if number else "", end="")
        print_heading(out, title, text)
        print_rows(out, rows)


def _sections_of(part: str) -> list[Section]:
    """The sections of ``trainer``, ``trainer.epochs``, ``optim``, ``optim=adam`` or ``seed``."""
    group, _, name = part.partition("=")
    if group in GROUPS and name:
        bases = {variant: config["name"] for variant, config in variants(GROUPS[group])}
        component = bases.get(name, name)
        return [_component(group, component)] if component in GROUPS[group] else []
    if group in GROUPS:
        return [_component(group, entry.name) for entry in GROUPS[group]]
    head = group.partition(".")[0]
    own = [s for s in _sections() if s[0] == head or s[0].startswith(f"{head}=")]
    return own or [s for s in _sections() if any(_key(row) == group for row in s[2])]


def _key(row: OptionRow) -> str:
    return row.assignment.partition("=")[0]


def _component(kind: str, name: str) -> Section:
    component = GROUPS[kind][name].component
    return f"{kind}={name}", summary(component), list(component_rows(kind, component))


def _sections() -> Iterator[Section]:
    choices = [_choice(group, brief(name)) for group, name in default_choices()]
    yield "Choices", "components of a run, each with its own options", choices
    rows = list(field_rows("", RunConfig))
    loose = [row for row in rows if "." not in _key(row) and _key(row) not in LISTS]
    yield "Run", "options outside any group", loose
    for name, node in typing.get_type_hints(RunConfig).items():
        if dataclasses.is_dataclass(node):
            yield name, summary(node), list(field_rows(f"{name}.", node))
    for kind, registry in GROUPS.items():
        if kind not in _LISTING:
            for entry in registry:
                yield _component(kind, entry.name)
    for kind, registry in LISTS.items():
        for entry in registry:
            rows = list(component_rows(f"{kind}.{entry.name}", entry.component))
            yield f"{kind}=[{entry.name}]", summary(entry.component), rows
    for name, launcher in LAUNCHERS.items():
        rows = list(field_rows("hydra.launcher.", launcher))
        yield f"hydra/launcher={name}", summary(launcher), rows
    rows = list(field_rows("hydra.sweeper.", SearchOptions))
    yield "hydra/sweeper=optuna", summary(SearchOptions), rows


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
