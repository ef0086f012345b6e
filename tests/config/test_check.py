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
        (tuple[int, ...], "list of int"),
        (Annotated[int, Range(at_least=1), Flags(identity=False)], "int at least 1"),
    ],
)
def test_annotations_in_plain_words(annotation, text):
    assert type_name(annotation) == text
