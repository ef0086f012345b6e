"""What enters a run's identity, and what leaves it as it was."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from torch import nn

from cnnlab.config import flags as flags_module
from cnnlab.config.options import RunConfig
from cnnlab.config.parse import parse
from cnnlab.discovery import discover
from cnnlab.registry import CALLBACKS, MODELS, OPTIMIZERS, CnnlabError, Flags
from cnnlab.runs.essential import essential
from cnnlab.runs.identity import identify

PLAIN: dict[str, Any] = {
    "model": {"name": "mlp"},
    "data": {"name": "digits"},
    "optim": {"name": "sgd"},
    "schedule": {"name": "cosine"},
}


@pytest.fixture(autouse=True)
def registries():
    discover()
    with MODELS.temporary(), OPTIMIZERS.temporary():
        yield


def identity(**changes: Any):
    return identify(parse({**PLAIN, **changes}))


def test_equal_configs_are_one_run_however_they_are_given():
    first = identity()
    assert first == identity(model={"name": "mlp", "activation": "relu"})
    assert first.sources == {"model": "v1", "data": "v1"}
    assert len(first.key) == 8
    assert first.to_dict() == {
        "config": first.config,
        "group": first.group,
        "sources": {"model": "v1", "data": "v1"},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"runs_dir": "elsewhere"},
        {"sweep": {"name": "s", "retry": False}},
        {"rerun": True},
        {"trainer": {"checkpoint_every": "10m"}},
        {"data": {"name": "cifar10", "root": "/somewhere"}},
    ],
)
def test_what_a_run_is_not(changes):
    base = {"data": {"name": "cifar10"}} if "data" in changes else {}
    assert identity(**changes) == identity(**base)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"batch_size": 64},
        {"trainer": {"test": False}},
        {"optim": {"name": "sgd", "lr": 0.1}},
        {"data": {"name": "digits", "subset": 100}},
    ],
)
def test_what_makes_another_run(changes):
    first, other = identity(), identity(**changes)
    assert other.key != first.key
    assert other.config != first.config
    assert (other.group == first.group) == ("seed" in changes)


def test_another_version_is_another_run_of_the_same_config():
    first = identity()
    for registry, name, kind in ((MODELS, "mlp", "model"), (OPTIMIZERS, "sgd", "optim")):
        with registry.temporary():
            registry.register(name, version=2)(registry[name].component)
            second = identity()
        assert second.sources[kind] == "v2"
        assert second.config == first.config
        assert second.key != first.key
        assert second.group != first.group
        assert second.differences(first.to_dict()) == [kind]
        assert first.differences(second.to_dict()) == [kind]
    assert first.differences(first.to_dict()) == []
    assert first.differences(identity(seed=1).to_dict()) is None


@pytest.mark.parametrize("option", ["accumulate", "devices"])
def test_a_weighted_loss_of_a_shared_batch_has_a_second_version(option):
    """Its mean was that of each part until issue 9; whatever else there was stays as it was."""
    weighted = {"loss": {"class_weights": "balanced"}}
    assert identity(**weighted, trainer={option: 2}).sources["loss"] == "v2"
    assert "loss" not in identity(**weighted).sources
    assert "loss" not in identity(trainer={option: 2}).sources


def test_a_persons_own_optimiser_counts_by_its_code():
    def own(parameters: Any, *, lr: float = 0.1) -> None: ...

    OPTIMIZERS.register("own")(own)
    assert identity(optim={"name": "own"}).sources["optim"].startswith("ast:")


class Before(nn.Module):
    """A model of this package, so that its code does not count, as an earlier version has it."""

    __module__, __qualname__ = "cnnlab.models.growing", "Growing"

    def __init__(self, spec: object, *, depth: int = 2) -> None: ...


@dataclass(frozen=True)
class Block:
    size: Annotated[int, Flags(neutral=3)] = 3


class After(nn.Module):
    """The same with options that a later version adds, which do nothing as they are declared."""

    __module__, __qualname__ = "cnnlab.models.growing", "Growing"

    def __init__(
        self,
        spec: object,
        *,
        depth: int = 2,
        drop: Annotated[float, Flags(neutral=0.0)] = 0.0,
        stages: Annotated[tuple[int, ...], Flags(neutral=(1, 1))] = (1, 1),
        block: Block = Block(),
    ) -> None: ...


@pytest.mark.parametrize(
    "options",
    [{"drop": 0.1}, {"stages": [1, 2]}, {"block": {"size": 5}}],
    ids=lambda options: next(iter(options)),
)
def test_an_option_that_a_later_version_adds_enters_where_it_is_not_neutral(options):
    MODELS.register("growing")(Before)
    before = identity(model={"name": "growing"})
    MODELS.register("growing")(After)
    assert identity(model={"name": "growing"}) == before
    named = {"drop": 0.0, "stages": [1, 1], "block": {"size": 3}}
    assert identity(model={"name": "growing", **named}) == before
    assert identity(model={"name": "growing", **options}).key != before.key


@dataclass(frozen=True)
class Later(RunConfig):
    """The run level with options that a later version adds."""

    hooks: Annotated[dict[str, dict[str, Any]], Flags(neutral={})] = dataclasses.field(
        default_factory=dict
    )
    filters: Annotated[tuple[str, ...], Flags(neutral=())] = ()
    printer: Annotated[tuple[str, ...], Flags(identity=False)] = ("paper",)
    block: Block = dataclasses.field(default_factory=Block)


def test_the_same_at_the_run_level(monkeypatch):
    config = parse(PLAIN)
    before = identify(config)
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    monkeypatch.setattr(flags_module, "RunConfig", Later)
    flags_module.run_flags.cache_clear()
    try:
        assert identify(Later(**fields)) == before
        assert identify(Later(**fields, printer=("screen",))) == before
        assert identify(Later(**fields, hooks={"ema": {"decay": 0.9}})).key != before.key
        assert identify(Later(**fields, filters=("blur",))).key != before.key
        assert identify(Later(**fields, block=Block(5))).key != before.key
    finally:
        flags_module.run_flags.cache_clear()


def test_what_of_a_config_is_essential():
    config = parse({**PLAIN, "trainer": {"checkpoint_every": 5}}).to_dict()
    kept = essential(config, {"model": {"dropout": Flags(neutral=0.0)}})
    assert set(config) - set(kept) == {
        "runs_dir",
        "sweep",
        "rerun",
        "logger",
        "callbacks",
        "metrics",
        "augment",
    }
    assert set(config["trainer"]) - set(kept["trainer"]) == {
        "checkpoint_every",
        "channels_last",
        "tf32",
        "val_every",
        "overfit",
        "profile",
        "pictures",
    }
    assert set(config["model"]) - set(kept["model"]) == {"dropout"}
    assert kept["resume"] is None


def test_an_unknown_component_is_refused():
    with pytest.raises(CnnlabError, match="no model 'mpl'"):
        identify(dataclasses.replace(parse(PLAIN), model={"name": "mpl"}))


def test_callbacks_count_by_name_order_options_and_code():
    def with_callbacks(**callbacks):
        return identify(parse({**PLAIN, "callbacks": callbacks}))

    with CALLBACKS.temporary():

        @CALLBACKS.register("first")
        def first(
            *,
            every: int = 1,
            label: Annotated[str, Flags(identity=False)] = "",
            late: Annotated[int, Flags(neutral=0)] = 0,
        ) -> None: ...

        @CALLBACKS.register("second")
        def second() -> None: ...

        @CALLBACKS.register("quiet")
        def quiet(*, label: Annotated[str, Flags(identity=False)] = "") -> None: ...

        none, one = with_callbacks(), with_callbacks(first={})
        assert none.key != one.key != with_callbacks(first={"every": 2}).key
        chosen = with_callbacks(quiet={})  # no option of it enters, but it does
        assert chosen.config != none.config
        assert chosen.earlier_group != none.earlier_group
        assert one.config == with_callbacks(first={"label": "x", "late": 0}).config
        assert one.config != with_callbacks(first={"late": 1}).config
        both = with_callbacks(first={}, second={})
        assert both.key != with_callbacks(second={}, first={}).key
        assert "callbacks.first" in both.sources  # a person's own: by its code
        assert "callbacks.first" not in none.sources
        assert both.differences(both.to_dict()) == []
        edited = both.to_dict() | {"sources": {**both.sources, "callbacks.first": "ast:0"}}
        assert both.differences(edited) == ["callbacks.first"]
