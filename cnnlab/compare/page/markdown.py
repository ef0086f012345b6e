"""report.md: the page for a repository, with its figures as PNG files beside it."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from matplotlib.figure import Figure

from cnnlab.compare import figures
from cnnlab.compare.comparison import Comparison
from cnnlab.compare.page.cells import Column, configuration_columns, pair_columns
from cnnlab.compare.page.overview import overview
from cnnlab.compare.page.provenance import Provenance

# Name of the file, text, and the function that draws it.
FIGURES: tuple[tuple[str, str, Callable[[Comparison], Figure | None]], ...] = (
    ("curves", "Learning curves", figures.curves_figure),
    ("sweep", "The swept number", figures.sweep_figure),
    ("cost", "Accuracy against cost", figures.cost_figure),
    ("classes", "Accuracy by class", figures.per_class_figure),
)


def write_figures(comparison: Comparison, folder: Path) -> list[tuple[str, Path]]:
    """The text and file of each figure.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text, draw in FIGURES:
        file = folder / f"{name}.png"
        if (figure := draw(comparison)) is not None:
            figure.savefig(file)
            written.append((text, file))
    return written


def markdown(
    comparison: Comparison,
    title: str,
    pictures: Sequence[tuple[str, Path]],
    captions: Sequence[str],
    command: str,
    beside: Path,
) -> str:
    """The text of report.md in the folder ``beside``."""
    about, provenance = overview(comparison), Provenance(comparison)
    pairs, left_out = pair_columns(comparison)
    blocks = [f"# {_escape(title)}", _escape(f"{about.question}.")]
    marked = [f"- **{finding.mark}:** {_escape(finding.text)}." for finding in comparison.findings]
    blocks += ["\n".join(marked)] if marked else []
    blocks += [_escape(" ".join(comparison.verdicts))]
    blocks += ["## What varied, what was equal", "\n".join(_items([*about.varied]))]
    blocks += ["Equal in all runs:", "\n".join(_items(about.equal))]
    labels = Column("configuration", [], is_number=False)
    blocks += ["## Results", _table([labels, *configuration_columns(comparison)],
                                    comparison.labels)]  # fmt: skip
    blocks += ["\n".join(f"- {_escape(text)}" for text in captions)]
    if pairs:
        blocks += ["## Tests", _table(pairs)]
    if left_out:
        blocks += [f"{left_out} more tests are not shown."]
    for text, file in pictures:
        where = quote(file.relative_to(beside).as_posix())
        blocks += [f"## {text}", f"![{text}]({where})"]
    if comparison.notes:
        blocks += ["## Notes", "\n".join(f"- {_escape(note)}." for note in comparison.notes)]
    blocks += ["## Environment", "\n".join(_items(provenance.environment))]
    commands = "\n".join([*provenance.commands, command])
    # Longer than what could end it.
    fence = "`" * (1 + max(map(len, re.findall("`+", commands)), default=2))
    blocks += ["## Commands", f"{fence}sh\n{commands}\n{fence}"]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _items(facts: Sequence[tuple[str, str]]) -> Iterator[str]:
    return (f"- {_escape(name)}: {_escape(value)}" for name, value in facts)


def _table(columns: Sequence[Column], labels: Sequence[str] = ()) -> str:
    """Args:
    labels: of the first column, where its cells are these.
    """
    texts = [[cell.text for cell in column.cells] for column in columns]
    if labels:
        texts[0] = list(labels)
    rule = ["---:" if column.is_number else "---" for column in columns]
    rows = [[_escape(column.heading) for column in columns], rule]
    rows += [[_escape(text) for text in row] for row in zip(*texts, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escape(text: str) -> str:
    """Text that markdown shows as it is: no HTML, no cell border, no emphasis."""
    text = " ".join(text.split())
    for char in "\\`*_|[]":
        text = text.replace(char, f"\\{char}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
