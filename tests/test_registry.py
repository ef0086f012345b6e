import pytest

from cnnlab.registry import CnnlabError, Range, Registry, nearest


def test_a_name_is_given_once():
    registry = Registry("model")

    @registry.register("a", paper="P 2000")
    def one() -> None: ...

    def two() -> None: ...

    assert registry["a"].component is one
    assert registry["a"].paper == "P 2000"
    with pytest.raises(ValueError, match="model 'a' is registered twice"):
        registry.register("a")(two)


def test_registering_the_same_component_again_replaces_it():
    # a module that is reloaded, or scanned twice by a plug-in loader, brings the same name
    registry = Registry("model")

    def make() -> object:
        def component() -> None: ...

        return component

    first, second = make(), make()
    registry.register("a")(first)
    registry.register("a")(second)
    assert registry["a"].component is second
    assert len(registry) == 1


def test_an_unknown_name_is_refused_with_the_nearest():
    registry = Registry("model")
    registry.register("lenet5")(lambda: None)
    with pytest.raises(CnnlabError, match=r"no model 'lenet'; did you mean 'lenet5'\?"):
        registry["lenet"]


def test_entries_come_sorted():
    registry = Registry("data")
    for name in ("b", "a", "c"):
        registry.register(name)(dict)
    assert [entry.name for entry in registry] == ["a", "b", "c"]


def test_nearest_is_silent_where_nothing_is_near_and_too_much_is_allowed():
    assert nearest("zzz", [f"name{i}" for i in range(30)]) == ""


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "text"),
    [
        (Range(above=0), 1e-9, 0, "above 0"),
        (Range(at_least=0), 0, -1e-9, "at least 0"),
        (Range(at_least=0, below=1), 0.999, 1, "at least 0 and below 1"),
        (Range(at_most=3), 3, 3.1, "at most 3"),
    ],
)
def test_bounds(bounds, inside, outside, text):
    assert inside in bounds
    assert outside not in bounds
    assert str(bounds) == text


def test_a_behaviour_version_is_one_where_nothing_is_said():
    registry = Registry("model")
    registry.register("a")(dict)
    registry.register("b", version=2)(list)
    assert [entry.version for entry in registry] == [1, 2]


def test_after_a_temporary_block_the_registry_holds_what_it_held_before():
    registry = Registry("model")
    registry.register("a")(dict)
    with registry.temporary():
        registry.register("b")(list)
        assert "b" in registry
    assert [entry.name for entry in registry] == ["a"]
    with pytest.raises(ZeroDivisionError), registry.temporary():
        registry.register("b")(1 / 0)
    assert len(registry) == 1


def test_letter_case_hides_no_name():
    assert nearest("MLP", [*(f"name{i}" for i in range(30)), "mlp"]) == "; did you mean 'mlp'?"
