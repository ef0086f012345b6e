"""A table of layers on the terminal: two lines per layer, the numbers and their formulas."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cnnlab.explain.layers.row import Row
from cnnlab.explain.layers.table import LayerTable
from cnnlab.explain.layers.text import LEGEND, memory, percent


@dataclass(frozen=True)
class _Form:
    """How much of the table is shown."""

    name_width: int  # longer names are wrapped at their dots
    gap: int = 0  # between columns, in addition to the space that the box draws
    spaced: bool = True  # spaces in formulas
    complete: bool = True  # with percentages and memory


# From wide to narrow; the first that fits the console is used.
_FORMS = (
    _Form(name_width=40, gap=1),
    _Form(name_width=24),
    _Form(name_width=18),
    _Form(name_width=18, spaced=False),
    _Form(name_width=18, spaced=False, complete=False),
)
_SIZE_WIDTH = 22  # longer formulas without spaces are wrapped


def print_layer_table(table: LayerTable, console: Console) -> None:
    """Print the table in the widest form that fits, then totals, notes and legend."""
    form = next((f for f in _FORMS if _fits(_contents(table, f), f, console.width)), _FORMS[-1])
    title = Text(f"{table.title}: images of {table.input}", style="bold")
    frozen = f" ({table.frozen_parameters:,} of them frozen)" if table.frozen_parameters else ""
    total = Text(
        f"total {table.parameters:,} parameters{frozen}, {table.macs:,} MACs, "
        f"{memory(table.activation_bytes) or '0 B'} of activations",
        style="bold",
    )
    notes = [Text(f"Note: {note}.", style="yellow") for note in table.notes]
    legend = Text(LEGEND, style="dim")
    drawn = _table(list(_contents(table, form)), form)
    console.print(Group(title, drawn, total, *notes, legend))


def _contents(table: LayerTable, form: _Form) -> Iterator[list[Text]]:
    """The headings, then the cells of each row, generated on demand."""
    yield _headings(form)
    for row in table.rows:
        yield _cells(row, table, form)


def _headings(form: _Form) -> list[Text]:
    share = "  share" if form.complete else ""
    memory_too = ["memory"] if form.complete else []
    texts = ("layer", "output", f"parameters{share}", f"MACs{share}", "field", *memory_too)
    return [Text(text) for text in texts]


def _fits(lines: Iterable[Sequence[Text]], form: _Form, width: int) -> bool:
    """True if no cell has to be wrapped; ends with the first row that is too wide."""
    widths: dict[int, int] = {}
    for cells in lines:
        for i, cell in enumerate(cells):
            widths[i] = max(widths.get(i, 0), *map(len, cell.plain.split("\n")))
        if sum(widths.values()) + (len(widths) - 1) * (1 + form.gap) > width:
            return False
    return True


def _table(lines: Sequence[Sequence[Text]], form: _Form) -> Table:
    drawn = Table(box=SIMPLE_HEAD, padding=(0, form.gap, 0, 0), pad_edge=False, show_edge=False)
    headings, *rows = lines
    for heading in headings:
        is_number = heading.plain not in ("layer", "output")
        drawn.add_column(
            heading,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=heading.plain != "output",
        )
    for cells in rows:
        drawn.add_row(*cells)
    return drawn


def _cells(row: Row, table: LayerTable, form: _Form) -> list[Text]:
    def formula(text: str) -> str:
        return text if form.spaced else text.replace(" ", "")

    has_output = row.size_formula.endswith(f" = {row.output}")  # the length of flattened maps
    cells = [
        _first_cell(row, form),
        _lines("" if has_output else row.output, _size(row, form)),
        _lines(
            _number(row.parameters, table.parameter_share(row), form),
            formula(row.parameter_formula),
        ),
        _lines(_number(row.macs, table.mac_share(row), form), formula(row.mac_formula)),
        Text(row.field),
    ]
    return [*cells, Text(memory(row.activation_bytes))] if form.complete else cells


def _size(row: Row, form: _Form) -> str:
    """The formula; height and width, if they differ, on separate lines."""
    text = row.size_formula.replace(", ", "\n")
    if form.spaced or "=" not in text:
        return text
    lines = [line.replace(" ", "") for line in text.splitlines()]
    return "\n".join(
        line.replace("+1=", "\n+1=") if len(line) > _SIZE_WIDTH else line for line in lines
    )


def _number(value: int, share: float, form: _Form) -> str:
    if not value:
        return ""
    return f"{value:,} {percent(share):>6}" if form.complete else f"{value:,}"


def _first_cell(row: Row, form: _Form) -> Text:
    """The name, and the operation next to it if it fits and there is no second line, or below."""
    name = _wrapped(row.name, form.name_width) + (f" x{row.repeats}" if row.repeats > 1 else "")
    is_single = not (row.window or row.parameters or row.macs)
    fits = len(name.splitlines()[-1]) + len(row.description) + 1 <= form.name_width
    return _lines(name, row.description, separator=" " if is_single and fits else "\n")


def _wrapped(name: str, width: int) -> str:
    """The name on as many lines as needed, each but the last ending with a dot."""
    lines = [""]
    for part in re.split(r"(?<=\.)", name):
        if lines[-1] and len(lines[-1] + part.rstrip(".")) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _lines(first: str, second: str, separator: str = "\n") -> Text:
    """A value, and dimmed its formula."""
    separator = separator if first and second else ""
    return Text(first).append(f"{separator}{second}", style="dim")
