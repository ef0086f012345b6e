"""DenseNet: who sees whom, how many layers, what is refused."""

import pytest
import torch
from torch import nn

from cnnlab.models import DenseNet
from cnnlab.models.densenet import DenseLayer
from cnnlab.spec import ImageSpec

IMAGENET = ImageSpec(3, 224, 224, 1000)
CIFAR10 = ImageSpec(3, 32, 32, 10)


def on_meta(spec, **options):
    with torch.device("meta"):
        return DenseNet(spec, **options)


def shapes_of_blocks(model, spec):
    seen = []
    for name, part in model.blocks.named_children():
        if name.startswith("block"):
            part.register_forward_hook(lambda _l, _i, output: seen.append(tuple(output.shape[1:])))
    model(torch.empty(1, *spec.shape, device="meta"))
    return seen


def test_a_layer_concatenates_its_maps_to_its_input():
    layer = DenseLayer(5, 3, bottleneck=True, dropout=0.0).eval()
    maps = torch.randn(2, 5, 4, 4)
    output = layer(maps)
    assert output.shape == (2, 8, 4, 4)
    assert torch.equal(output[:, :5], maps)
    assert torch.equal(output[:, 5:], layer.new_maps(maps))


@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ({}, [(216, 32, 32), (300, 16, 16), (342, 8, 8)]),  # 24 + 16*12, halved, ...
        (
            {"depth": 40, "bottleneck": False, "compression": 1.0},
            [(160, 32, 32), (304, 16, 16), (448, 8, 8)],  # 16 + 12*12, + 144, + 144
        ),
    ],
)
def test_blocks_for_cifar_grow_by_k_a_layer(options, shapes):
    assert shapes_of_blocks(on_meta(CIFAR10, **options), CIFAR10) == shapes


@pytest.mark.slow
def test_densenet121_is_table_1():
    model = on_meta(IMAGENET, depth=121, growth_rate=32, stem="imagenet")
    expected = [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (1024, 7, 7)]
    assert shapes_of_blocks(model, IMAGENET) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 22},
        {"depth": 100},
        {"depth": 40, "bottleneck": False},
        *({"depth": depth, "stem": "imagenet"} for depth in (121, 169, 201)),
    ],
)
def test_depth_counts_the_weighted_layers(options):
    layers = list(on_meta(IMAGENET, **options).modules())
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in layers) == options["depth"]


def test_dropout_comes_after_each_convolution_but_the_first():
    model = on_meta(CIFAR10, depth=22, dropout=0.2)
    assert sum(isinstance(layer, nn.Dropout) for layer in model.modules()) == 22 - 2
    assert not any(isinstance(layer, nn.Dropout) for layer in on_meta(CIFAR10).modules())


@pytest.mark.parametrize(("stem", "least"), [("small", 4), ("imagenet", 29)])
def test_images_that_are_too_small_are_refused(stem, least):
    depth = 121 if stem == "imagenet" else 10
    smallest = ImageSpec(1, least, least, 10)
    model = on_meta(smallest, depth=depth, stem=stem)
    assert model(torch.empty(2, *smallest.shape, device="meta")).shape == (2, 10)
    message = f"^needs images of at least {least}x{least}, not {least - 1}x64$"
    with pytest.raises(ValueError, match=message):
        on_meta(ImageSpec(1, least - 1, 64, 10), depth=depth, stem=stem)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"depth": 99},
            "depth=99 must be 6n+4 with stem=small and bottleneck=true; the nearest is 100",
        ),
        (
            {"depth": 39, "bottleneck": False},
            "depth=39 must be 3n+4 with stem=small and bottleneck=false; the nearest is 40",
        ),
        (
            {"depth": 7},
            "depth=7 must be 6n+4 with stem=small and bottleneck=true; the nearest is 10",
        ),
        (
            {"stem": "imagenet"},
            "depth=100 must be 121, 169 or 201 with stem=imagenet; the nearest is 121",
        ),
    ],
)
def test_impossible_depths_are_refused_with_the_nearest(options, message):
    with pytest.raises(ValueError, match="must be") as refusal:
        on_meta(CIFAR10, **options)
    assert str(refusal.value) == message


def test_options_that_leave_something_out_are_refused():
    message = r"^stem=imagenet needs bottleneck=true, as its depths include the bottlenecks$"
    with pytest.raises(ValueError, match=message):
        on_meta(IMAGENET, depth=121, stem="imagenet", bottleneck=False)
    message = r"^compression=0.004 leaves none of the 216 channels of transition 1; .* 1/216$"
    with pytest.raises(ValueError, match=message):
        on_meta(CIFAR10, compression=0.004)
    assert on_meta(CIFAR10, compression=0.01).blocks.transition1[2].out_channels == 2
