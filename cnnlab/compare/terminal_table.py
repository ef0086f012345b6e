"""A comparison on the terminal: the table in the widest form that fits, notes, verdicts."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cnnlab.compare.columns import Column, caption, columns, title, warnings_on_n
from cnnlab.compare.comparison import Comparison
from cnnlab.compare.report import finding_line
from cnnlab.terminal import natural_width

NAME = 24  # columns to which a longer configuration is folded, at most
ELSEWHERE = " Costs are in results.csv: the terminal is too narrow."


def print_report(comparison: Comparison, console: Console) -> None:
    """Print what spoils the comparison, the widest table that fits, then notes and verdicts."""
    every = columns(comparison)
    names = [column for column in every if column.is_name]
    measured = [column for column in every if not (column.is_name or column.is_cost)]
    costs = [column for column in every if column.is_cost]
    pairs = [_stacked(costs[i : i + 2]) for i in range(0, len(costs), 2)]
    label = Column(("configuration",), [(label,) for label in comparison.labels], is_name=True)
    # Each narrower: intervals under their means, small columns in pairs, a configuration in one
    # column that can be folded, no costs.
    forms = [
        _table(every, separator=" "),
        _table(every, separator="\n"),
        _table([*names, *measured, *pairs], separator="\n", gap=0),
        _table([label, *measured, *pairs], separator="\n", gap=0, leading=1),
        _table([label, *measured], separator="\n", gap=0, leading=1),
    ]
    foldable = max(0, max(map(len, comparison.labels)) - NAME)
    fits = (
        form
        for form in forms
        if natural_width(console, form) - (foldable if form.leading else 0) <= console.width
    )
    table = next(fits, forms[-1])
    said = caption(comparison) + (ELSEWHERE if table is forms[-1] else "")
    found = [
        Text(finding_line(finding), style="red" if finding.spoils else "yellow")
        for finding in comparison.findings
    ]
    notes = [*warnings_on_n(comparison), *comparison.notes]
    noted = [Text(f"Note: {note}.", style="yellow") for note in notes]
    heading = Text(f"\n{title(comparison)}", style="bold")
    verdicts = [Text(verdict) for verdict in comparison.verdicts]
    space = [Text("")] if found else []
    console.print(Group(heading, *found, *space, table, Text(said, style="dim"), *noted, *verdicts))


def _table(shown: Sequence[Column], *, separator: str, gap: int = 1, leading: int = 0) -> Table:
    """Args:
    separator: between the parts of a cell.
    gap: between columns, in addition to the space that the box draws.
    leading: empty lines between rows.
    """
    table = Table(
        box=SIMPLE_HEAD, padding=(0, gap, 0, 1), pad_edge=False, show_edge=False, leading=leading
    )
    for column in shown:
        heading = separator.join(column.heading)
        if separator == "\n":  # optim.weight_decay takes two lines
            heading = heading.replace(".", ".\n")
        table.add_column(
            heading,
            justify="left" if column.is_name else "right",
            overflow="fold",
            no_wrap=not column.is_name,
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*(Text(separator.join(part for part in cell if part)) for cell in row))
    return table


def _stacked(columns: Sequence[Column]) -> Column:
    """Several columns as one, one below the other."""
    cells = [sum(parts, ()) for parts in zip(*(column.cells for column in columns), strict=True)]
    return Column(sum((column.heading for column in columns), ()), cells)
