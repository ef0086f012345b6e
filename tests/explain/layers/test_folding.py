"""Depth and repeats: fewer rows, the same sums."""

import pytest
import torch
import torchvision
from torch import nn

from cnnlab.explain.layers.table import layer_table
from cnnlab.models import ResNet
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(3, 32, 32, 10)


@pytest.fixture(scope="module")
def resnet20():
    with torch.device("meta"):
        return ResNet(SPEC, depth=20)


def test_stages_as_rows(resnet20):
    rows = layer_table(resnet20, SPEC, depth=1).rows
    assert [(row.name, row.operation, row.output, row.field) for row in rows] == [
        ("conv", "conv", "32x32x16", "3"),
        ("norm", "batchnorm", "32x32x16", "3"),
        ("relu", "relu", "32x32x16", "3"),
        ("stage1", "Sequential", "32x32x16", "15"),
        ("stage2", "Sequential", "16x16x32", "37"),
        ("stage3", "Sequential", "8x8x64", "81"),
        ("pool", "globalavgpool", "64", "109"),
        ("classifier", "linear", "10", "109"),
    ]


def test_equal_blocks_are_one_row(resnet20):
    rows = {row.name: row for row in layer_table(resnet20, SPEC, depth=2).rows}
    assert [name for name in rows if name.startswith("stage")] == [
        *("stage1.0-2", "stage2.0", "stage2.1-2", "stage3.0", "stage3.1-2"),
    ]
    stage1 = rows["stage1.0-2"]
    assert (stage1.repeats, stage1.operation) == (3, "BasicBlock")
    assert stage1.parameters == 3 * (2 * 2304 + 2 * 32)
    assert stage1.macs == 3 * 2 * 32 * 32 * 16 * 9 * 16
    assert stage1.field == "15"  # behind the last of them


def test_a_part_that_ends_with_a_bare_parameter_has_its_output():
    """As blocks of timm's ConvNeXt do, which scale their layers."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1, 3, 1, 1))
            self.conv = nn.Conv2d(3, 3, 3, stride=2)

        def forward(self, images):
            return self.conv(images) * self.scale.clone()

    (row,) = layer_table(nn.Sequential(nn.Sequential(Scaled())), SPEC, depth=1).rows
    assert (row.output, row.field, row.parameters) == ("15x15x3", "3", 3 * 28 + 3)


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_sums_do_not_change(resnet20, depth):
    whole, folded = layer_table(resnet20, SPEC), layer_table(resnet20, SPEC, depth=depth)
    for total in ("parameters", "macs", "activation_bytes", "notes"):
        assert getattr(whole, total) == getattr(folded, total)


def test_different_parts_are_not_folded():
    """Two convolutions of one shape, then one with another stride, then the first kind again."""
    strides = (1, 1, 2, 1, 1)
    with torch.device("meta"):
        model = nn.Sequential(*(nn.Conv2d(3, 3, 3, stride, 1) for stride in strides))
    names = [row.name for row in layer_table(model, SPEC, depth=1).rows]
    assert names == ["0-1", "2", "3-4"]


@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_heads_that_are_not_run_are_one_row_each():
    with torch.device("meta"):
        model = torchvision.models.googlenet()
    rows = layer_table(model, ImageSpec(3, 224, 224, 1000), depth=1).rows
    assert [(row.name, row.operation, row.parameters) for row in rows[-2:]] == [
        ("aux1", "unused", 3_188_968),
        ("aux2", "unused", 3_191_016),
    ]
