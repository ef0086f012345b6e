"""What the registries hold, as tables: names, options with their defaults, papers, variants."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cnnlab.app.overrides import CONF
from cnnlab.config import schema
from cnnlab.config.check import type_name
from cnnlab.explain.cost import count
from cnnlab.registry import DATASETS, MODELS, CnnlabError, Entry, Registry
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
    for entry in MODELS:
        source = entry.paper.partition(",")[0]
        for name, config in [(entry.name, {"name": entry.name}), *_variants_of(entry, MODELS)]:
            table.add_row(name, *_costs(config, spec, source))
    Console().print(table)


def print_data() -> None:
    """The data sets with their image sizes and options."""
    _print_options(DATASETS, _size)


def _size(entry: Entry) -> str:
    spec = getattr(entry.component, "spec", None)
    try:
        spec = spec or schema.build(DATASETS, {"name": entry.name}).spec
    except CnnlabError:
        return "size and classes as found"
    return f"images of {spec}, {spec.num_classes} classes"


def _print_options(registry: Registry, remark: Callable[[Entry], str] | None = None) -> None:
    console = Console(highlight=False)
    for entry in registry:
        console.print(f"[bold]{entry.name}[/bold]  {escape(_summary(entry))}")
        if entry.paper:
            console.print(f"    [dim]{escape(entry.paper)}[/dim]")
        if remark is not None:
            console.print(f"    {remark(entry)}")
        if entry.task != "classify":
            console.print(f"    task: {entry.task}")
        options = schema.options(entry.component).values()
        width = max((len(_default(option)) for option in options), default=0)
        for option in options:
            kind = _kind(option)
            console.print(f"    {_default(option):<{min(width, 40)}}  [dim]{escape(kind)}[/dim]")
        for name, config in _variants_of(entry, registry):
            changes = ", ".join(f"{k}={_brief(v)}" for k, v in config.items() if k != "name")
            console.print(f"    variant [bold]{name}[/bold]: {escape(changes) or 'the defaults'}")


def variants(registry: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The YAML deltas of a group in conf/: a variant's name and its component's config."""
    folders = [CONF / registry.kind, Path.cwd() / "conf" / registry.kind]
    seen = set()
    for file in (f for folder in folders for f in sorted(folder.glob("*.yaml"))):
        if file.stem in seen:
            continue
        seen.add(file.stem)
        delta = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        bases = [b for b in delta.pop("defaults", []) if isinstance(b, str) and b != "_self_"]
        if bases and bases[0] in registry:
            yield file.stem, {"name": bases[0]} | delta


def _variants_of(entry: Entry, registry: Registry) -> list[tuple[str, dict[str, Any]]]:
    return [(name, config) for name, config in variants(registry) if config["name"] == entry.name]


def _summary(entry: Entry) -> str:
    """The first sentence of the docstring."""
    paragraph = (entry.component.__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0].rstrip(".")


def _default(option: schema.Option) -> str:
    if option.required:
        return f"{option.name}=... (must be given)"
    return f"{option.name}={_brief(schema.to_dict(option.default))}"


def _kind(option: schema.Option) -> str:
    name = type_name(option.annotation)
    return "true|false" if name == "bool" else name


def _brief(value: Any) -> str:
    if isinstance(value, list) and len(value) > 6:
        return f"[{len(value)} lines]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_brief(v)}" for k, v in value.items()) + "}"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _costs(config: Mapping[str, Any], spec: ImageSpec, source: str) -> tuple[str, str, str]:
    import torch

    try:
        with torch.device("meta"):
            cost = count(schema.build(MODELS, config, spec), spec)
    except CnnlabError as error:
        return "", "", f"[dim]{escape(str(error))}[/dim]"
    return f"{cost.params:,}", f"{cost.macs:,}", source
