"""Which layers are shown, and where in the image a unit looks: proved by pixels that are NaN."""

import pytest
import torch
from torch import nn

import cnnlab.models  # noqa: F401  (fills the registry)
from cnnlab.config.schema import build
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.pictures.capture import capture
from cnnlab.explain.pictures.map_layers import (
    find_layer,
    last_convolution,
    map_layers,
    stages,
)
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(1, 32, 32, 10)
NETWORKS = {
    "lenet5": {"name": "lenet5"},
    "resnet8": {"name": "resnet", "depth": 8},
    "alexnet": {"name": "alexnet"},
    "convnext": {"name": "convnext", "blocks": [1, 1, 1, 1], "channels": [4, 4, 4, 4]},
    "same and slices": {
        "name": "conv_stack",
        "layers": ["conv 4 4 stride=2 padding=same", "relu", "conv 4 3", "avgpool 3 stride=2"],
    },
}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build(MODELS, NETWORKS[name], SPEC)


def depends(model: nn.Module, layer, row: int, column: int) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the rows and columns of the image that reach a unit."""
    images = torch.zeros(64, 1, 32, 32)
    for line in range(32):
        images[line, :, line, :] = torch.nan
        images[32 + line, :, :, line] = torch.nan
    maps = capture(model, [layer], images)[layer.name]
    reached = maps[:, :, row, column].isnan().any(1).view(2, 32)
    ends = [part.nonzero().flatten() for part in reached]
    return (*(int(end[0]) for end in ends), *(int(end[-1]) + 1 for end in ends))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_box_of_a_unit_is_what_it_depends_on(name):
    model = network(name)
    for layer in stages(map_layers(model, torch.zeros(SPEC.shape))):
        height, width = layer.size
        for row, column in ((0, width - 1), (height // 2, 0), (height - 1, width // 3)):
            top, left, bottom, right = layer.field.box(row, column)
            inside = max(top, 0), max(left, 0), min(bottom, 32), min(right, 32)
            assert inside == depends(model, layer, row, column), (layer.name, row, column)


@pytest.mark.parametrize(
    ("name", "expected", "last"),
    [
        ("lenet5", ["activation:1", "s2", "activation:2", "s4"], "activation:2"),
        ("resnet8", ["relu", "stage1", "stage2", "stage3"], "stage3"),
        ("convnext", ["stem", "stage1", "stage2", "stage3", "stage4"], "stage4"),
    ],
)
def test_stages_are_the_first_convolution_and_the_last_layer_of_each_size(name, expected, last):
    layers = map_layers(network(name), torch.zeros(SPEC.shape))
    assert [layer.name for layer in stages(layers)] == expected
    assert last_convolution(layers).name == last


def test_layers_without_maps_and_unknown_names():
    mlp = build(MODELS, {"name": "mlp", "hidden": [8]}, SPEC)
    assert map_layers(mlp, torch.zeros(SPEC.shape)) == []
    assert last_convolution([]) is None
    layers = map_layers(network("lenet5"), torch.zeros(SPEC.shape))
    assert find_layer(layers, "activation").call == 1
    assert find_layer(layers, "activation:2").title == "activation:2 after c3"
    with pytest.raises(CnnlabError, match=r"no layer 'c33' .* did you mean 'c3'\?"):
        find_layer(layers, "c33")


def test_multiply_adds_are_those_until_the_layer():
    layers = map_layers(network("lenet5"), torch.zeros(SPEC.shape))
    assert [find_layer(layers, name).macs for name in ("c1", "s2", "c3")] == [
        28 * 28 * 25 * 6,
        28 * 28 * 25 * 6,
        28 * 28 * 25 * 6 + 10 * 10 * 25 * 6 * 16,
    ]


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.LayerNorm(3)

    def forward(self, images):
        return self.norm(self.conv(images).permute(0, 2, 3, 1)).mean((1, 2))


def test_maps_with_channels_last_are_turned():
    model, image = ChannelsLast(), torch.rand(1, 8, 6)
    conv, norm = map_layers(model, image)
    assert (conv.shape, norm.shape, norm.channels_last) == ((3, 6, 4), (3, 6, 4), True)
    maps = capture(model, [norm], image.unsqueeze(0))["norm"]
    with eval_mode(model):
        expected = model.norm(model.conv(image.unsqueeze(0)).permute(0, 2, 3, 1))
    assert torch.equal(maps, expected.permute(0, 3, 1, 2))
