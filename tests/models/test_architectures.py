"""What makes each architecture the one it is called, and what each refuses."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.models import MLP, AlexNet, LeNet5, ResNet
from cnnlab.spec import ImageSpec

MNIST = ImageSpec(1, 28, 28, 10)
CIFAR10 = ImageSpec(3, 32, 32, 10)


def spec_of(height, width):
    return ImageSpec(1, height, width, 10)


def kinds(model):
    leaves = (layer for layer in model.modules() if not list(layer.children()))
    return [type(layer).__name__ for layer in leaves]


def shapes_after(model, spec, *names):
    """(C, H, W) that each named layer gives for one image."""
    seen = {}
    for name in names:
        model.get_submodule(name).register_forward_hook(
            lambda _layer, _inputs, output, name=name: seen.update({name: tuple(output.shape[1:])})
        )
    model(torch.zeros(2, *spec.shape))
    return [seen[name] for name in names]


# MLP


def test_mlp_layers_are_linear_norm_activation_dropout():
    model = MLP(MNIST, hidden=(64, 32), activation="tanh", dropout=0.5, batch_norm=True)
    block = ["Linear", "BatchNorm1d", "Tanh", "Dropout"]
    assert kinds(model) == [*block, *block, "Linear"]


def test_mlp_of_the_bench_has_its_widths():
    model = MLP(MNIST, hidden=[64, 128, 64], batch_norm=True)
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert [layer.in_features for layer in linear] == [784, 64, 128, 64]
    assert linear[-1].out_features == 10


def test_mlp_without_hidden_layers_is_softmax_regression():
    model = MLP(MNIST, hidden=())
    images = torch.randn(2, 1, 28, 28)
    expected = images.flatten(1) @ model.classifier.weight.T + model.classifier.bias
    torch.testing.assert_close(model(images), expected)


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"batch_norm": True}])
def test_mlp_without_hidden_layers_refuses_what_they_would_have(options):
    with pytest.raises(ValueError, match=r"^(dropout=0.5|batch_norm=true) is for hidden layers, "):
        MLP(MNIST, hidden=(), **options)


def test_mlp_refuses_an_empty_layer():
    with pytest.raises(ValueError, match=r"^hidden=\[64, 0\]: every layer needs at least 1 unit$"):
        MLP(MNIST, hidden=(64, 0))


# LeNet-5


@pytest.mark.parametrize("side", [28, 32])
def test_lenet5_maps_are_those_of_figure_2(side):
    spec = spec_of(side, side)
    shapes = shapes_after(LeNet5(spec), spec, "pad", "c1", "s2", "c3", "s4", "c5", "f6")
    maps = [(1, 32, 32), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5)]
    assert shapes == [*maps, (120,), (84,)]


def test_lenet5_pads_28_pixels_by_2_on_every_side():
    model = LeNet5(MNIST).eval()
    images = torch.randn(2, 1, 28, 28)
    on_32 = LeNet5(spec_of(32, 32)).eval()
    on_32.load_state_dict(model.state_dict())
    assert torch.equal(model(images), on_32(F.pad(images, (2, 2, 2, 2))))


def test_lenet5_of_the_paper_has_scaled_tanh_and_averages():
    model = LeNet5(MNIST, activation="scaled_tanh", pool="avg")
    assert {"ScaledTanh", "AvgPool2d"} <= set(kinds(model))
    assert not {"ReLU", "MaxPool2d"} & set(kinds(model))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 40), (27, 31)])
def test_lenet5_takes_every_size_that_leaves_s4_a_pixel(height, width):
    assert LeNet5(spec_of(height, width))(torch.zeros(1, 1, height, width)).shape == (1, 10)


@pytest.mark.parametrize(("height", "width"), [(15, 15), (32, 15), (1, 1)])
def test_lenet5_refuses_images_that_are_too_small(height, width):
    with pytest.raises(ValueError, match=f"^needs images of at least 16x16, not {height}x{width}$"):
        LeNet5(spec_of(height, width))


# AlexNet


def test_alexnet_maps_on_32_pixels():
    names = ["conv1", "conv2", "conv3", "conv4", "conv5", "hidden"]
    shapes = shapes_after(AlexNet(CIFAR10), CIFAR10, *names)
    maps = [(64, 8, 8), (192, 4, 4), (384, 2, 2), (256, 2, 2), (256, 2, 2)]
    assert shapes == [*maps, (256,)]


def test_alexnet_options_add_its_parts_one_by_one():
    assert not {"LocalResponseNorm", "BatchNorm2d", "Tanh"} & set(kinds(AlexNet(CIFAR10)))
    assert kinds(AlexNet(CIFAR10, norm="lrn")).count("LocalResponseNorm") == 2
    assert kinds(AlexNet(CIFAR10, norm="batch")).count("BatchNorm2d") == 5
    assert kinds(AlexNet(CIFAR10, activation="tanh")).count("Tanh") == 5
    hidden = AlexNet(CIFAR10, hidden=(64, 32), dropout=0.5).hidden
    assert kinds(hidden) == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout"]
    assert AlexNet(CIFAR10, dropout=0.25).hidden[0].p == 0.25


def test_alexnet_refuses_impossible_options():
    with pytest.raises(ValueError, match=r"^needs images of at least 28x28, not 28x27$"):
        AlexNet(spec_of(28, 27))
    with pytest.raises(ValueError, match=r"^channels=\[1, 2\] must be 5 numbers, one per conv"):
        AlexNet(CIFAR10, channels=(1, 2))
    with pytest.raises(ValueError, match=r"^channels and hidden must be at least 1 everywhere$"):
        AlexNet(CIFAR10, hidden=(64, 0))


# ResNet


def test_resnet_stages_halve_the_map_and_double_the_channels():
    shapes = shapes_after(ResNet(CIFAR10), CIFAR10, "conv", "stage1", "stage2", "stage3", "pool")
    assert shapes == [(16, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8), (64,)]


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_resnet_depth_counts_its_weighted_layers(depth):
    names = kinds(ResNet(CIFAR10, depth=depth))
    assert names.count("Conv2d") + names.count("Linear") == depth


@pytest.mark.parametrize(("depth", "nearest"), [(21, 20), (19, 20), (18, 20), (100, 98), (2, 8)])
def test_resnet_refuses_other_depths(depth, nearest):
    message = f"depth={depth} must be 6n+2 (20, 32, 44, 56, 110); the nearest is {nearest}"
    with pytest.raises(ValueError, match="must be") as refusal:
        ResNet(CIFAR10, depth=depth)
    assert str(refusal.value) == message


def test_resnet_weights_are_he_s():
    torch.manual_seed(0)
    conv = ResNet(CIFAR10).stage3[-1].conv2.weight  # 64 x 64 x 3 x 3
    assert conv.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert conv.mean().item() == pytest.approx(0, abs=0.002)
