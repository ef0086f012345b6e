"""The signature is the config. Each trap of DESIGN's list has a test here or in test_cli."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.config import schema
from cnnlab.registry import CnnlabError, Range, Registry


@dataclass(frozen=True)
class Nested:
    crop: Annotated[int, Range(at_least=0)] = 4
    flip: bool = False


def component(
    given: int,
    *,
    width: Annotated[int, Range(at_least=1)] = 8,
    kind: Literal["tanh", "relu"] = "tanh",
    sizes: tuple[int, ...] = (256, 128),
    rate: float | None = None,
    padding: int | Literal["same"] = "same",
    nested: Nested = Nested(),
) -> dict[str, object]:
    if width == 13:
        raise ValueError("width 13 brings bad luck; take 12 or 14")
    return dict(locals())


def needy(*, layers: list[str]) -> list[str]:
    return layers


@pytest.fixture
def registry() -> Registry:
    registry = Registry("model")
    registry.register("thing")(component)
    registry.register("needy")(needy)
    return registry


def test_defaults_are_the_signature_as_plain_data(registry):
    node = schema.defaults(registry["thing"])
    assert node == {
        "name": "thing",
        "width": 8,
        "kind": "tanh",
        "sizes": [256, 128],
        "rate": None,
        "padding": "same",
        "nested": {"crop": 4, "flip": False},
    }
    assert yaml.safe_load(yaml.safe_dump(node)) == node
    assert schema.defaults(registry["needy"])["layers"] == "???"


def test_build_converts_back_what_yaml_cannot_say(registry):
    built = schema.build(registry, {"name": "thing", "sizes": [3], "nested": {"crop": 0}}, 1)
    assert built["given"] == 1
    assert built["sizes"] == (3,)  # lists arrive, tuples are built
    assert built["nested"] == Nested(crop=0)


def test_a_saved_config_builds_the_same_again(registry):
    settled = schema.resolve(registry, {"name": "thing", "rate": 1, "padding": 2})
    saved = yaml.safe_load(yaml.safe_dump(schema.to_dict(settled)))
    assert schema.resolve(registry, saved) == settled
    assert isinstance(settled["rate"], float)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "thng"}, r"no model 'thng'; did you mean 'thing'\?"),
        (
            {"name": "thing", "widht": 3},
            r"model=thing has no option 'widht'; did you mean 'model\.width'",
        ),
        ({"name": "thing", "layers": []}, r"no option 'layers'; model=needy has one"),
        ({"name": "thing", "_target_": "os.getcwd"}, r"no option '_target_'"),
        ({"name": "thing", "width": "abc"}, r"model\.width=abc must be a whole number"),
        ({"name": "thing", "width": 1.5}, r"model\.width=1\.5 must be a whole number"),
        ({"name": "thing", "width": True}, r"model\.width=true must be a whole number"),
        ({"name": "thing", "width": 0}, r"model\.width=0 must be at least 1"),
        (
            {"name": "thing", "kind": "tahn"},
            r"model\.kind=tahn is not allowed; did you mean 'tanh'",
        ),
        ({"name": "thing", "sizes": 3}, r"model\.sizes=3 must be a list"),
        ({"name": "thing", "sizes": [1, "x"]}, r"model\.sizes\[1\]=x must be a whole number"),
        ({"name": "thing", "rate": "x"}, r"model\.rate=x must be a number or null"),
        ({"name": "thing", "rate": float("nan")}, r"model\.rate=nan must be a number"),
        ({"name": "thing", "padding": "sam"}, r"model\.padding=sam must be int or same"),
        (
            {"name": "thing", "nested": {"crp": 1}},
            r"no option 'model\.nested\.crp'; did you mean 'model\.nested\.crop'",
        ),
        ({"name": "thing", "nested": {"crop": -1}}, r"model\.nested\.crop=-1 must be at least 0"),
        ({"name": "thing", "nested": 4}, r"model\.nested=4 is a group of options"),
        ({"name": "thing", "width": 13}, r"model=thing: width 13 brings bad luck; take 12 or 14"),
        ({"name": "needy"}, r"model=needy needs model\.layers="),
        ({}, r"model needs a name"),
    ],
)
def test_refusals_name_key_value_and_way_out(registry, config, message):
    with pytest.raises(CnnlabError, match=message):
        schema.build(registry, config, 0)


def test_kwargs_hide_a_signature():
    def hides(**kwargs: int) -> None: ...

    with pytest.raises(TypeError, match="hides what can be configured"):
        schema.options(hides)


def test_a_missing_package_says_what_to_install():
    registry = Registry("model")
    registry.register("far", packages=("no_such_package",))(needy)
    with pytest.raises(CnnlabError, match=r"pip install 'cnnlab\[no_such_package\]'"):
        schema.build(registry, {"name": "far", "layers": []})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3)
)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from([*schema.options(component), "name", "other"]), values))
def test_any_config_is_built_or_refused_never_anything_else(config):
    registry = Registry("model")
    registry.register("thing")(component)
    try:
        built = schema.build(registry, {"name": "thing", **config}, 0)
    except CnnlabError as refusal:
        message = str(refusal)
    else:
        message = "built"
        assert isinstance(built["width"], int)
        assert built["kind"] in ("tanh", "relu")
    assert message
