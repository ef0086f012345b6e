"""Documentation is read from docstrings, and every option has some."""

import dataclasses
import inspect
from dataclasses import dataclass

import pytest

from cnnlab.config import schema
from cnnlab.config.docs import difference, option_docs, summary
from cnnlab.data.loading.augment import Augment
from cnnlab.discovery import discover
from cnnlab.registry import DATASETS, MODELS, OPTIMIZERS, SCHEDULES
from cnnlab.sweep.launchers.options import LAUNCHERS, RayInit, RayNode, RayRemote
from cnnlab.sweep.search.options import SearchOptions

discover()
COMPONENTS = [
    pytest.param(entry.component, id=f"{registry.kind}={entry.name}")
    for registry in (MODELS, DATASETS, OPTIMIZERS, SCHEDULES)
    for entry in registry
    if entry.component.__module__.startswith("cnnlab.")
]
NODES = [Augment, *LAUNCHERS.values(), RayInit, RayNode, RayRemote, SearchOptions]


class Base:
    """The base.

    Args:
        root: where files are.
        size: in pixels.
    """


class Derived(Base):
    """A class after He et al. 2016, with options. It has a second sentence. (N, C) -> (N, K)

    More of it.

    Args:
        size: in pixels, twice: of this
            and of that, because
            it is long.
        rows, columns: both alike.

        kind: after a blank line; such as
            note: this is no entry.
    Text after the section.
        depth: not an option.

    Raises:
        ValueError: not an option either.
    """


@dataclass
class Node:
    """A node.

    Args:
        from_: a word that Python keeps for itself.
    """

    from_: str = ""


def undocumented() -> None:
    """Does one thing."""


def test_entries_are_read_with_their_continuation_lines():
    assert option_docs(Derived) == {
        "root": "where files are.",
        "size": "in pixels, twice: of this and of that, because it is long.",
        "rows": "both alike.",
        "columns": "both alike.",
        "kind": "after a blank line; such as note: this is no entry.",
    }


def test_an_option_has_the_name_that_a_person_types():
    assert option_docs(Node) == {"from": "a word that Python keeps for itself."}


def test_without_a_section_there_is_nothing():
    assert option_docs(undocumented) == {}
    assert option_docs(lambda: None) == {}


def test_the_summary_is_the_first_sentence():
    assert summary(Derived) == "A class after He et al. 2016, with options"
    assert summary(undocumented) == "Does one thing"
    assert summary(lambda: None) == ""


def test_the_difference_is_a_paragraph_of_its_own():
    def differs():
        """Does one thing. Differs from another.

        Differs: in ``this``,
        and in that.

        Args:
            x: of it.
        """

    assert difference(differs) == "Differs: in this, and in that."
    assert difference(Derived) == difference(undocumented) == ""


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_option_of_a_component_is_documented(component):
    assert summary(component)
    docs = option_docs(component)
    assert not [name for name in schema.options(component) if not docs.get(name)]


@pytest.mark.parametrize("node", NODES)
def test_every_option_of_a_node_is_documented(node):
    names = {field.name.removesuffix("_") for field in dataclasses.fields(node)}
    assert summary(node)
    assert names <= option_docs(node).keys()


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_documentation_is_of_an_option_that_is_gone(component):
    shared = {"total_steps", "steps_per_epoch"}  # of every schedule, documented in the base class
    assert option_docs(component).keys() - shared <= inspect.signature(component).parameters.keys()
