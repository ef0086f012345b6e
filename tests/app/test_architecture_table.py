"""`cnnlab models --table`: published numbers, depths as names promise them, blanks."""

import pytest

from cnnlab.app.architecture_table import IMAGENET, MNIST, _architecture, as_markdown
from cnnlab.app.listing import variants
from cnnlab.discovery import discover
from cnnlab.registry import MODELS

discover()
CONFIGS = dict(variants(MODELS))


def row(name):
    config = CONFIGS.get(name, {"name": name})
    return _architecture(name, config, MODELS[config["name"]].paper)


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("mlp", 3),
        ("lenet5", 5),
        ("alexnet_2012", 8),
        ("vgg11", 11),
        ("resnet20", 20),
        ("resnet18", 18),  # its three projections are in no name
        ("preact_resnet20", 20),
        ("wrn16_4", 14),  # as named, less three projections, plus the last layer
        ("densenet40_12", 40),
    ],
)
def test_depth_is_the_one_in_the_name(name, depth):
    assert row(name).depth == depth


def test_the_costs_are_the_published_ones():
    grouped, resnet, mlp = row("alexnet_2012"), row("resnet18"), row("mlp")
    assert grouped.small_cost is None
    assert (grouped.large_cost.params, grouped.large_cost.macs) == (60_965_224, 724_406_816)
    assert resnet.large == IMAGENET
    assert (resnet.large_cost.params, resnet.large_cost.macs) == (11_689_512, 1_814_073_344)
    assert (mlp.small, mlp.small_cost.params) == (MNIST, 269_322)


def test_it_is_a_markdown_table_with_blanks():
    head, _, lenet, alexnet, *_ = as_markdown([row("lenet5"), row("alexnet_2012")]).splitlines()
    assert len({line.count("|") for line in (head, lenet, alexnet)}) == 1
    assert lenet.startswith("| `lenet5` | 28x28x1 | 61,706 | 416,520 |")
    assert lenet.endswith("| 5 | 1998 | LeCun et al. |")
    assert (
        "| `alexnet_2012` |  |  |  | 227x227x3 | 60,965,224 | 724,406,816 | 8 | 2012 |" in alexnet
    )
