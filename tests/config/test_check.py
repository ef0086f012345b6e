"""Values checked by their annotation; refusals through a component are in test_schema."""

from typing import Annotated, Literal

import pytest

from cnnlab.config.check import check, type_name
from cnnlab.registry import CnnlabError, Flags, Range


def test_numbers_that_hydra_parsed_are_taken_for_the_words_that_were_typed():
    assert check("trainer.precision", 32, Literal["auto", "32"]) == "32"
    assert check("sweep.name", 2026, str | None) == "2026"


def test_flags_change_no_check():
    annotation = Annotated[int | None, Range(at_least=1), Flags(identity=False)]
    assert check("n", 3, annotation) == 3
    assert check("n", None, annotation) is None
    with pytest.raises(CnnlabError, match="n=0 must be at least 1"):
        check("n", 0, annotation)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (float | None, "float or null"),
        (Literal["tanh", "relu"], "tanh|relu"),
        (Literal[False, True, "fast"], "false|true|fast"),
        (tuple[int, ...], "list of int"),
        (Annotated[int, Range(at_least=1), Flags(identity=False)], "int at least 1"),
    ],
)
def test_annotations_in_plain_words(annotation, text):
    assert type_name(annotation) == text


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        (2**32, int, "n=4294967296 must be at most 4294967295"),
        (-(2**32), int, "n=-4294967296 must be at least -4294967295"),
        (1e300, int, "n=1e\\+300 must be at most 4294967295"),
        (10**400, float, r"n=1000... \(401 digits\) must be at most 3.4e\+38"),
        (-1e39, float, "n=-1e\\+39 must be at least -3.4e\\+38"),
        (float("inf"), float, "n=inf must be a number"),
        (float("nan"), int, "n=nan must be a whole number"),
        ([1, 10**20], tuple[int, ...], r"n\[1\]=100000000000000000000 must be at most"),
        (1, Literal[False, True], r"n=1 is not allowed \(one of: false, true\)"),
        (10**400, Literal["a"], r"n=1000... \(401 digits\) is not allowed"),
        (10**400, int | None, r"n=1000... \(401 digits\) must be at most"),
    ],
)
def test_numbers_beyond_what_a_machine_counts_with(value, annotation, message):
    with pytest.raises(CnnlabError, match=message):
        check("n", value, annotation)


def test_the_largest_numbers_are_taken():
    assert check("n", 2**32 - 1, int) == 4294967295
    assert check("n", 3.4e38, float) == 3.4e38
