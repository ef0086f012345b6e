"""Hydra's words as distributions: bounds, steps, logarithms, and back to words."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from cnnlab.registry import CnnlabError
from cnnlab.sweep.search.space import Space, read_space


def space(*words: str) -> Space:
    return read_space(OverridesParser.create().parse_overrides(list(words)))


@pytest.mark.parametrize(
    ("value", "distribution"),
    [
        ("interval(0.1, 0.9)", FloatDistribution(0.1, 0.9)),
        ("int(interval(1, 9))", IntDistribution(1, 9)),
        ("interval(1, 9)", FloatDistribution(1.0, 9.0)),
        ("tag(log, interval(1e-3, 1))", FloatDistribution(0.001, 1.0, log=True)),
        ("int(tag(log, interval(4, 64)))", IntDistribution(4, 64, log=True)),
        ("range(4)", IntDistribution(0, 3)),
        ("range(10, 31, 10)", IntDistribution(10, 30, step=10)),
        ("range(9, 0, -3)", IntDistribution(3, 9, step=3)),
        ("range(0, 0.5, 0.1)", FloatDistribution(0.0, 0.4, step=0.1)),
        ("relu,tanh", CategoricalDistribution(["relu", "tanh"])),
        ("choice(true,false)", CategoricalDistribution(["true", "false"])),
        ("[8],[16, 8]", CategoricalDistribution(["[8]", "[16,8]"])),
        ("shuffle(3,1,2)", CategoricalDistribution(["3", "1", "2"])),
        ("1,2,1", CategoricalDistribution(["1", "2"])),
    ],
)
def test_a_word_is_a_distribution(value, distribution):
    assert space(f"key={value}").distributions == {"key": distribution}


def test_what_does_not_vary_stays_as_it_was_typed():
    found = space("model=mlp", "optim.lr=interval(0,1)", "+data.x=[1,2]", "model=lenet5")
    assert found.fixed == ("+data.x=[1,2]", "model=lenet5")
    assert found.words({"optim.lr": 1e-05}) == ["+data.x=[1,2]", "model=lenet5", "optim.lr=1e-05"]


def test_a_step_of_a_tenth_is_written_as_people_write_it():
    dropout = space("d=range(0, 0.5, 0.1)").dimensions["d"]
    assert dropout.values == (0.0, 0.1, 0.2, 0.3, 0.4)
    assert dropout.word(0.30000000000000004) == "0.3"


def test_every_end_and_every_choice_is_tried_beforehand():
    probes = list(space("a=1,2,3", "b=interval(0.5, 1.5)").probes())
    assert probes == [
        {"a": "1", "b": 0.5},
        {"a": "2", "b": 0.5},
        {"a": "3", "b": 0.5},
        {"a": "1", "b": 0.882},
        {"a": "1", "b": 1.5},
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=mlp"], "nothing to search"),
        (["a=interval(2, 1)"], r"a=interval\(2, 1\): the interval must start below its end, 1.0"),
        (["a=tag(log, interval(0, 1.5))"], "tag log needs numbers above 0, not 0"),
        (["a=tag(lgo, interval(0.1, 1))"], "unknown tag 'lgo'; the only one is log"),
        (["a=tag(log, choice(1, 2))"], "tag log needs an interval or a range"),
        (["a=tag(log, range(0.5, 2, 0.5))"], "whole numbers"),
        (["a=range(3, 1)"], "the range is empty"),
        (["sweep.name=a,b"], "a search cannot vary sweep.name"),
        (["a=1,2", "trainer.test=true"], "a search sets this itself"),
        (["a=1,2", "rerun=true"], "a search sets this itself"),
    ],
)
def test_what_no_distribution_stands_for_is_refused(words, message):
    with pytest.raises(CnnlabError, match=message):
        space(*words)


def test_a_space_is_the_same_wherever_its_runs_lie():
    one = space("a=1,2", "model=mlp", "sweep.name=x", "runs_dir=here")
    assert one.to_dict() == space("model=mlp", "a=1,2", "sweep.name=y").to_dict()
    assert one.to_dict() != space("model=mlp", "a=1,3").to_dict()
