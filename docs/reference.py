"""The pages that mkdocs makes of the registries: models, data sets and training options.

They are made when the site is built, and so cannot be out of date. ``blocks.py`` has the pictures.
"""

import dataclasses
import sys
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from cnnlab.app.option_table import OptionRow, component_rows, field_rows
from cnnlab.config.docs import difference, first_paragraph, summary
from cnnlab.config.options import GROUPS, LISTS, RunConfig
from cnnlab.discovery import discover
from cnnlab.registry import Entry, Registry
from cnnlab.sweep.launchers.options import LAUNCHERS
from cnnlab.sweep.search.options import SearchOptions

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
from blocks import picture  # noqa: E402

TABLE = DOCS.parent / "experiments" / "architectures" / "README.md"
TOUR = DOCS.parent / "experiments" / "tour.ipynb"
OWN_PAGES = ("model", "data")
SOURCE = "*This page is generated from the docstrings by `docs/reference.py`.*\n"


def on_files(files: Files, config: Any) -> Files:
    """Called by mkdocs: adds the pages, and the notebook, to those that are written by hand."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, TOUR.name, abs_src_path=str(TOUR)))
    return files


def pages() -> dict[str, str]:
    """The text of each page, by its file's name."""
    discover()
    return {"models.md": _models(), "data.md": _data(), "training.md": _training()}


def _models() -> str:
    parts = [
        "# Models",
        SOURCE,
        "`model=NAME` chooses a model and `model.OPTION=VALUE` sets its options. `cnnlab models` "
        "prints this list, `cnnlab layers model=resnet20 data=cifar10` one of them layer by layer.",
    ]
    for entry in GROUPS["model"]:
        parts += [_component("model", entry), picture(entry.name)]
    parts += ["## Parameters and MACs of all", TABLE.read_text(encoding="utf-8")]
    return _page(parts)


def _data() -> str:
    parts = [
        "# Data",
        SOURCE,
        "`data=NAME` chooses one. `cnnlab data` prints this list. Downloads go to "
        "`~/.cache/cnnlab`, `$CNNLAB_DATA` or `data.root=FOLDER`. Where there are official "
        "test images they are the test set; validation images are a fixed split of the training "
        "images.",
        *(_component("data", entry) for entry in GROUPS["data"]),
        *_nested(GROUPS["data"]),
    ]
    return _page(parts)


def _training() -> str:
    hints = typing.get_type_hints(RunConfig)
    groups = {name: node for name, node in hints.items() if dataclasses.is_dataclass(node)}
    rows = field_rows("", RunConfig)
    loose = [row for row in rows if "." not in row.assignment.partition("=")[0]]
    parts = ["# Training options", SOURCE, "`cnnlab train --help` prints them too.", "## Run"]
    parts.append(_table(row for row in loose if row.assignment.partition("=")[0] not in LISTS))
    for name, node in groups.items():
        parts += [f"## {name}", f"{summary(node)}.", _table(field_rows(f"{name}.", node))]
    for kind, registry in (GROUPS | LISTS).items():
        if kind not in OWN_PAGES:
            parts.append(f"## {kind}=")
            parts += [_component(kind, entry, level=3) for entry in registry]
            parts += _nested(registry, level=3)
    parts.append("## hydra/launcher=")
    for name, launcher in LAUNCHERS.items():
        parts += [f"### {name}", f"{summary(launcher)}."]
        parts.append(_table(field_rows("hydra.launcher.", launcher)))
    parts += ["## hydra/sweeper=optuna", f"{summary(SearchOptions)}."]
    parts.append(_table(field_rows("hydra.sweeper.", SearchOptions)))
    return _page(parts)


def _component(kind: str, entry: Entry, level: int = 2) -> str:
    """A heading, the docstring's first paragraph, the paper, and a table of options."""
    prefix = f"{kind}.{entry.name}" if kind in LISTS else kind
    lines = [f"{'#' * level} {entry.name}", first_paragraph(entry.component)]
    lines += [f"Paper: {entry.paper}."] if entry.paper else []
    lines += [difference(entry.component)]
    return _page([*lines, _table(component_rows(prefix, entry.component))])


def _nested(registry: Registry, level: int = 2) -> Iterator[str]:
    """A section for each group of options that components share, such as ``augment``."""
    from cnnlab.app.option_table import nested_options

    found = {o: node for entry in registry for o, node in nested_options(entry.component)}
    for option, node in found.items():
        rows = field_rows(f"{registry.kind}.{option}.", node)
        yield _page([f"{'#' * level} {option}", f"{summary(node)}.", _table(rows)])


def _table(rows: Iterable[OptionRow]) -> str:
    lines = [
        f"| `{_cell(row.assignment)}` | {_cell(row.kind)} | {_cell(row.text)} |" for row in rows
    ]
    return "\n".join(["| option and default | values | |", "|--|--|--|", *lines]) if lines else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)
