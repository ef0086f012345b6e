import io
import sys

from pseudo_terminal import on_terminal
from rich.table import Table

from cnnlab.terminal import console, middle_cut, natural_width

WORDS = " ".join(f"word{i}" for i in range(100))


def print_all() -> None:
    table = Table("a", "b")
    table.add_row("x", WORDS)
    console().print(WORDS)
    console().print(table)


def test_lines_are_folded_to_a_terminal_and_to_nothing_else(monkeypatch):
    for columns in (80, 120):
        lines = on_terminal(columns, print_all)
        assert columns - 10 < max(map(len, lines)) <= columns
        assert all(f"word{i}" in " ".join(lines) for i in range(100))
    monkeypatch.setenv("COLUMNS", "80")  # of a shell that exports it
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    print_all()
    lines = pipe.getvalue().splitlines()
    assert lines[0] == WORDS
    assert [line for line in lines[1:] if WORDS in line]
    assert not [line for line in lines if line.endswith(" ")]


def test_the_width_without_wrapping_is_not_limited_by_the_terminal():
    table = Table.grid()
    table.add_row(WORDS)
    assert natural_width(console(io.StringIO()), table) == len(WORDS)


def test_a_long_text_keeps_its_beginning_and_its_end():
    assert middle_cut("short", 5) == "short"
    assert middle_cut("a_very_long_name_of_a_class", 19) == "a_very_long_…_class"
    assert len(middle_cut("x" * 100, 24)) == 24
