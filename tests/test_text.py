import pytest

from cnnlab.text import (
    as_typed,
    duration,
    first_line,
    in_lines,
    plural,
    precision_option,
    si,
    significant,
)


def test_units():
    values = (0, 999, 61_706, 269_722, 999_960, 40_551_808, 3_627_146_688, 2e12)
    assert [si(value) for value in values] == [
        *("0", "999", "61.7k", "269.7k", "1.0M", "40.6M", "3.6G", "2.0T")
    ]
    assert [duration(seconds) for seconds in (0.04, 12.34, 99.96, 750, 9000)] == [
        *("0.0 s", "12.3 s", "1.7 min", "12.5 min", "2.5 h")
    ]


def test_three_digits():
    shown = [significant(value) for value in (0, 0.21349, 5.125, 99.96, 999.4, 999.6, 51234.4)]
    assert shown == ["0", "0.213", "5.12", "100", "999", "1000", "51234"]


def test_plural():
    assert [plural(n, "older run") for n in (0, 1, 2)] == [
        *("0 older runs", "1 older run", "2 older runs")
    ]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (ValueError("bad shape\nat layer 3"), "bad shape"),
        (RuntimeError("\n  no memory\r\nmore"), "no memory"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("  \n"), "ValueError"),
        ("one\ntwo", "one"),
        ("", ""),
    ],
)
def test_first_line(message, line):
    assert first_line(message) == line


def test_values_as_typed():
    values = (True, None, 1e-4, 3, "same", [1, None, 0.5], (), {"p": False, "sizes": [3, 5]})
    assert [as_typed(value) for value in values] == [
        *("true", "null", "0.0001", "3", "same", "[1, null, 0.5]", "[]"),
        "{p: false, sizes: [3, 5]}",
    ]


def test_digits_of_a_float():
    assert as_typed(0.0123456789) == "0.0123456789"
    assert as_typed(0.0123456789, digits=6) == "0.0123457"
    assert as_typed([1 / 3, 1_000_000], digits=2) == "[0.33, 1000000]"


def test_precision_as_its_option_has_it():
    names = ("32-true", "bf16-mixed", "16-mixed")
    assert [precision_option(name) for name in names] == ["32", "bf16", "16"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("mlp: accuracy\nall", ["mlp:", "accuracy", "all"]),
        ("conv_stack_lr0.1", ["conv_", "stack_", "lr0.1"]),
        ("x" * 25, ["x" * 10, "x" * 10, "x" * 5]),
    ],
)
def test_lines_of_a_title(text, lines):
    assert in_lines(text, 10) == lines
