"""VGG: table 1 of the paper, the two heads, what is refused."""

import pytest
import torch
from torch import nn

from cnnlab.models import VGG
from cnnlab.spec import ImageSpec

IMAGENET = ImageSpec(3, 224, 224, 1000)
CIFAR10 = ImageSpec(3, 32, 32, 10)


def on_meta(spec, **options):
    with torch.device("meta"):
        return VGG(spec, **options)


def layers_of(model, kind):
    return [layer for layer in model.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_depth_counts_the_weighted_layers_of_the_imagenet_network(depth):
    model = on_meta(IMAGENET, depth=depth, batch_norm=True)
    convs = layers_of(model, nn.Conv2d)
    assert len(convs) + len(layers_of(model, nn.Linear)) == depth
    assert all(conv.kernel_size == (3, 3) and conv.padding == (1, 1) for conv in convs)
    assert len(layers_of(model, nn.BatchNorm2d)) == len(convs)


def test_vgg16_is_column_d_of_table_1():
    stages = [getattr(on_meta(IMAGENET), f"stage{number}") for number in range(1, 6)]
    widths = [[conv.out_channels for conv in layers_of(stage, nn.Conv2d)] for stage in stages]
    assert widths == [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]


@pytest.mark.parametrize(("side", "last"), [(28, 1), (32, 1), (64, 2), (224, 7)])
def test_each_stage_halves_the_map(side, last):
    spec = ImageSpec(1, side, side, 10)
    model = on_meta(spec, depth=11)
    shapes = []
    model.stage5.register_forward_hook(lambda _l, _i, output: shapes.append(output.shape))
    assert model(torch.empty(2, *spec.shape, device="meta")).shape == (2, 10)
    assert shapes == [(2, 512, last, last)]


@pytest.mark.parametrize(
    ("spec", "options", "widths"),
    [
        (IMAGENET, {}, [25088, 4096, 4096]),
        (IMAGENET, {"hidden": ()}, [25088]),
        (CIFAR10, {}, [512]),
        (CIFAR10, {"hidden": (4096, 128)}, [512, 4096, 128]),
    ],
)
def test_the_default_head_is_the_paper_s_from_224_pixels_on(spec, options, widths):
    model = on_meta(spec, **options)
    linear = layers_of(model, nn.Linear)
    assert [layer.in_features for layer in linear] == widths
    assert linear[-1].out_features == spec.num_classes
    assert len(layers_of(model, nn.Dropout)) == len(widths) - 1


def test_convolutions_are_he_s_by_fan_out():
    torch.manual_seed(0)
    conv = VGG(CIFAR10, depth=11).stage3[0]  # 256 x 128 x 3 x 3
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)
    assert not conv.bias.any()


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (CIFAR10, {"depth": 15}, "depth=15 must be 11, 13, 16 or 19; the nearest is 16"),
        (CIFAR10, {"hidden": (8, 0)}, "hidden=[8, 0]: every layer needs at least 1 unit"),
        (ImageSpec(1, 27, 32, 10), {}, "needs images of at least 28x28, not 27x32"),
    ],
)
def test_impossible_options_are_refused(spec, options, message):
    with pytest.raises(ValueError, match=r"must be|needs|every") as refusal:
        VGG(spec, **options)
    assert str(refusal.value) == message
