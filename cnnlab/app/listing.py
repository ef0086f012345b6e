"""The listings of `cnnlab models`, `data` and `components`: options, papers, variants, costs."""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from cnnlab import terminal
from cnnlab.app.option_table import (
    brief,
    component_rows,
    field_rows,
    nested_options,
    print_heading,
    print_lines,
    print_rows,
)
from cnnlab.app.overrides import CONF
from cnnlab.config import schema
from cnnlab.config.docs import difference, first_paragraph, summary
from cnnlab.config.options import GROUPS, LISTS
from cnnlab.explain.cost import count
from cnnlab.registry import DATASETS, MODELS, TASKS, CnnlabError, Entry, Registry, nearest
from cnnlab.runs.read_file import DamagedFileError, read_yaml
from cnnlab.spec import ImageSpec


def print_models(data: str | None) -> None:
    """The models with their options, or with ``data`` their size and cost for its images."""
    if data is None:
        _print_options(MODELS)
        return
    spec = schema.build(DATASETS, {"name": data}).spec
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = f"Models for {data}: images of {spec}, {spec.num_classes} classes"
    table.add_column("model", no_wrap=True)
    table.add_column("parameters", justify="right")
    table.add_column("MACs", justify="right")
    table.add_column("paper", overflow="fold")
    found = _variants_by_base(MODELS)
    for entry in MODELS:
        source = entry.paper.partition(",")[0]
        for name, config in [(entry.name, {"name": entry.name}), *found[entry.name]]:
            table.add_row(name, *_costs(config, spec, source))
    terminal.console().print(table)


def print_data() -> None:
    """The data sets with their image sizes and options."""
    _print_options(DATASETS, _size)


def component_groups() -> dict[str, Registry]:
    """Every group of components that ``print_components`` takes, by name."""
    return {**GROUPS, **LISTS, TASKS.kind: TASKS}


def print_components(kind: str | None) -> None:
    """Every component of a group, or of all groups without their own listing command.

    Raises:
        CnnlabError: there is no such group.
    """
    if kind in ("model", "data"):
        print_models(None) if kind == "model" else print_data()
        return
    registries = {k: r for k, r in component_groups().items() if k not in ("model", "data")}
    if kind is not None and kind not in registries:
        raise CnnlabError(f"no component group '{kind}'{nearest(kind, registries)}")
    for name in [kind] if kind is not None else registries:
        chosen = "" if name == TASKS.kind else "=[...]" if name in LISTS else "=..."
        meaning = "" if chosen else "what a model is for; the model names it"
        print_heading(terminal.console(), f"{name}{chosen}", meaning)
        _print_options(registries[name])


def _size(entry: Entry) -> str:
    spec = getattr(entry.component, "spec", None)
    try:
        spec = spec or schema.build(DATASETS, {"name": entry.name}).spec
    except CnnlabError:
        return "size and classes depend on the files"
    return f"images of {spec}, {spec.num_classes} classes"


def _print_options(registry: Registry, remark: Callable[[Entry], str] | None = None) -> None:
    console = terminal.console()
    found = _variants_by_base(registry)
    for entry in registry:
        print_heading(console, entry.name, first_paragraph(entry.component))
        lines = [f"[dim]{escape(entry.paper)}[/dim]"] if entry.paper else []
        lines += [escape(text)] if (text := difference(entry.component)) else []
        lines += [remark(entry)] if remark is not None else []
        lines += [f"task: {entry.task}"] if entry.task != "classify" else []
        lines += [f"default of optim.lr with sgd: {entry.sgd_lr:g}"] if entry.sgd_lr else []
        print_lines(console, lines)
        group = f"{registry.kind}.{entry.name}" if registry.kind in LISTS else registry.kind
        print_rows(console, list(component_rows(group, entry.component)))
        print_lines(console, [_variant_line(*variant) for variant in found[entry.name]])
        console.print()
    nested = dict(pair for entry in registry for pair in nested_options(entry.component))
    for name, cls in nested.items():
        print_heading(console, f"{registry.kind}.{name}", summary(cls))
        print_rows(console, list(field_rows(f"{registry.kind}.{name}.", cls)))


def _variant_line(name: str, config: Mapping[str, Any]) -> str:
    changes = " ".join(f"{key}={brief(value)}" for key, value in config.items() if key != "name")
    return f"variant [bold]{name}[/bold]: {escape(changes) or 'the defaults'}"


def variants(registry: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The YAML deltas of a group in conf/: a variant's name and its component's config."""
    folders = [CONF / registry.kind, Path.cwd() / "conf" / registry.kind]
    seen = set()
    for file in (f for folder in folders for f in sorted(folder.glob("*.yaml"))):
        if file.stem in seen:
            continue
        seen.add(file.stem)
        try:
            delta = read_yaml(file)
        except DamagedFileError as damage:
            _say_once(f"{damage}; left out")
            continue
        listed = delta.pop("defaults", [])
        names = listed if isinstance(listed, list) else []
        bases = [b for b in names if isinstance(b, str) and b != "_self_"]
        if bases and bases[0] in registry:
            yield file.stem, {"name": bases[0]} | delta


@functools.cache
def _say_once(line: str) -> None:
    print(line, file=sys.stderr)


def _variants_by_base(registry: Registry) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The variants of each component; every file is read once, and none for each component."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {entry.name: [] for entry in registry}
    for name, config in variants(registry):
        found[config["name"]].append((name, config))
    return found


def _costs(config: Mapping[str, Any], spec: ImageSpec, source: str) -> tuple[str, str, str]:
    import torch

    try:
        with torch.device("meta"):
            cost = count(schema.build(MODELS, config, spec), spec)
    except CnnlabError as error:
        return "", "", f"[dim]{escape(str(error))}[/dim]"
    return f"{cost.params:,}", f"{cost.macs:,}", source
