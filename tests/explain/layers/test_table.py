"""Whole tables: the counts of the papers, row by row, and the same totals as `cost.count`."""

import math
import re

import pytest
import torch
import torchvision
from torch import nn

from cnnlab.app.listing import variants
from cnnlab.config import schema
from cnnlab.explain.cost import count
from cnnlab.explain.layers.table import layer_table
from cnnlab.models import LeNet5, ResNet
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.spec import ImageSpec

MNIST = ImageSpec(1, 28, 28, 10)
CIFAR10 = ImageSpec(3, 32, 32, 10)
IMAGENET = ImageSpec(3, 224, 224, 1000)


def on_meta(build, *args, **kwargs):
    with torch.device("meta"):
        return build(*args, **kwargs)


def test_lenet5_row_by_row():
    table = layer_table(on_meta(LeNet5, MNIST), MNIST)
    rows = [
        (row.name, row.output, row.parameters, row.macs, row.field, row.activation_bytes)
        for row in table.rows
        if row.name != "activation"
    ]
    assert rows == [
        ("pad", "32x32x1", 0, 0, "1", 4096),
        ("c1", "28x28x6", 156, 117_600, "5", 18_816),
        ("s2", "14x14x6", 0, 0, "6", 4704),
        ("c3", "10x10x16", 2416, 240_000, "14", 6400),
        ("s4", "5x5x16", 0, 0, "16", 1600),
        ("flatten", "400", 0, 0, "16", 0),
        ("c5", "120", 48_120, 48_000, "32", 480),
        ("f6", "84", 10_164, 10_080, "32", 336),
        ("classifier", "10", 850, 840, "32", 40),
    ]
    assert (table.parameters, table.macs) == (61_706, 416_520)
    c1 = table.rows[1]
    assert c1.size_formula == "(32 - 5 + 2*0)/1 + 1 = 28"
    assert c1.parameter_formula == "6*(5*5*1 + 1)"
    assert c1.mac_formula == "28*28*6 * 5*5*1"
    assert c1.window == "5x5 s1 p0"
    assert table.parameter_share(c1) == 156 / 61_706
    assert table.mac_share(c1) == 117_600 / 416_520


def test_alexnet_as_the_slide_prints_it():
    spec = ImageSpec(3, 227, 227, 1000)
    config = dict(variants(MODELS))["alexnet_ungrouped"]
    table = layer_table(on_meta(schema.build, MODELS, config, spec), spec)
    weighty = ("conv", "maxpool", "linear")
    assert [row.output for row in table.rows if row.operation in weighty] == [
        *("55x55x96", "27x27x96", "27x27x256", "13x13x256", "13x13x384", "13x13x384"),
        *("13x13x256", "6x6x256", "4096", "4096", "1000"),
    ]
    assert table.parameters == 62_378_344
    fields = [row.field for row in table.rows if row.operation in weighty]
    assert fields[:8] == ["11", "19", "51", "67", "99", "131", "163", "195"]


@pytest.mark.parametrize(
    ("arch", "parameters", "macs"),
    [
        ("alexnet", 61_100_840, 714_188_480),
        ("resnet152", 60_192_808, 11_513_626_624),
        ("densenet121", 7_978_856, 2_834_161_664),
        ("googlenet", 13_004_888, None),  # with its two auxiliary heads, which are not run
        ("vit_b_16", 86_567_656, None),
        ("mobilenet_v3_small", 2_542_856, None),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_torchvision_s_totals(arch, parameters, macs):
    model = on_meta(torchvision.models.get_model, arch)
    table = layer_table(model, IMAGENET)
    cost = count(model, IMAGENET)
    assert (table.parameters, table.macs) == (cost.params, cost.macs)
    assert table.parameters == parameters
    assert macs in (None, table.macs)


CONFIGS = {entry.name: {"name": entry.name} for entry in MODELS if not entry.packages}
CONFIGS |= dict(variants(MODELS))
del CONFIGS["conv_stack"], CONFIGS["torchvision"]  # nothing without an option
SLOW = re.compile(r".*(densenet(169|201|_bc_190)|resnet(101|152)|110|1202|wrn28).*")
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if SLOW.match(name) else [])
    for name in sorted(CONFIGS)
]


def smallest(config):
    for spec in (CIFAR10, ImageSpec(1, 28, 28, 10), IMAGENET, ImageSpec(3, 227, 227, 1000)):
        try:
            return on_meta(schema.build, MODELS, config, spec), spec
        except CnnlabError:
            continue
    raise AssertionError(f"{config} fits none of the images")


@pytest.mark.parametrize("name", NAMES)
def test_every_model_s_rows_add_up(name):
    """Totals are those of the flop counter, and every formula evaluates to its number."""
    model, spec = smallest(CONFIGS[name])
    cost = count(model, spec)
    table = layer_table(model, spec)
    assert (table.parameters, table.macs) == (cost.params, cost.macs)
    assert all(row.receptive_field or not row.output for row in table.rows)
    for row in table.rows:
        for formula, value in (
            (row.parameter_formula, row.parameters),
            (row.mac_formula, row.macs),
        ):
            assert not formula or eval(formula) == value
            assert bool(formula) == bool(value)
        for equation in row.size_formula.split(", ") if "=" in row.size_formula else []:
            left, right = equation.split(": ")[-1].split(" = ")
            assert eval(left, {"floor": math.floor, "ceil": math.ceil}) == int(right)


def test_frozen_parameters_are_counted_separately():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 10))
    model[0].requires_grad_(False)
    table = layer_table(model, CIFAR10)
    assert table.frozen_parameters == 112
    assert table.parameters == 112 + 36_010


def test_sizes_are_written_height_first():
    spec = ImageSpec(2, 6, 9, 10)
    table = layer_table(nn.Sequential(nn.Conv2d(2, 5, (3, 2), (1, 2))), spec)
    assert table.input == "6x9x2"
    (row,) = table.rows
    assert row.output == "4x4x5"
    assert row.size_formula == ("H: (6 - 3 + 2*0)/1 + 1 = 4, W: floor((9 - 2 + 2*0)/2) + 1 = 4")
    assert row.window == "3x2 s1x2 p0"
    assert row.field == "3x2"


def test_resnet20_has_the_paper_s_parameters():
    assert layer_table(on_meta(ResNet, CIFAR10, depth=20), CIFAR10).parameters == 269_722
