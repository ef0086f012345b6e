"""Every layer of every model of ours starts as its docstring says: the rule, its constants, biases.

Variants that torchvision has are held against it in test_training_as_torchvision.
"""

import pytest
import torch
from registered_models import OURS, REQUIRED
from torch import nn

from cnnlab.app.listing import variants
from cnnlab.config.docs import difference, option_docs
from cnnlab.config.schema import build
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

CIFAR10, MNIST = ImageSpec(3, 32, 32, 10), ImageSpec(1, 28, 28, 10)


def he(layer):
    return (2 / layer.weight[0].numel()) ** 0.5


def he_fan_out(layer):
    kernel = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
    return (2 / (layer.weight.shape[0] * kernel)) ** 0.5


def lecun(layer):
    return (1 / layer.weight[0].numel()) ** 0.5


def of_1998(layer):  # U(-2.4 / F, 2.4 / F)
    return 2.4 / layer.weight[0].numel() / 3**0.5


def glorot(layer):
    return (2 / sum(layer.weight.shape)) ** 0.5


def glorot_for_sigmoids(layer):
    return 4 * glorot(layer)


def torchs(layer):  # U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))
    return (1 / layer.weight[0].numel() / 3) ** 0.5


def identity(layer):  # 3x3: of the first maps, the rest as torch; others as torch
    rows, columns, *kernel = layer.weight.shape
    if kernel != [3, 3]:
        return torchs(layer)
    ones, rest = min(rows, columns), max(rows - columns, 0) * columns * 9
    numbers = layer.weight.numel()
    return ((ones + rest * torchs(layer) ** 2) / numbers - (ones / numbers) ** 2) ** 0.5


def standard(_):
    return 1.0


def a_tenth_of_he(layer):
    return (0.2 / layer.weight[0].numel()) ** 0.5


def n_001(_):
    return 0.01


def n_002(_):
    return 0.02


RULES = {  # model or variant: of all layers, of the last one
    "airbench": (identity, standard),
    "alexnet": (he, a_tenth_of_he),
    "alexnet init=paper": (n_001, n_001),
    "alexnet init=torch": (torchs, torchs),
    "autoencoder": (glorot_for_sigmoids, glorot_for_sigmoids),
    "conv_autoencoder": (he, he),
    "conv_stack": (he, a_tenth_of_he),
    "convnext": (n_002, n_002),
    "densenet": (he_fan_out, torchs),
    "densenet40_12": (he_fan_out, torchs),
    "encoder_classifier": (glorot_for_sigmoids, glorot),
    "lecture_cifar10_cnn": (he, a_tenth_of_he),
    "lenet5": (lecun, lecun),
    "lenet5_1998": (of_1998, of_1998),
    "mlp": (he, a_tenth_of_he),
    "preact_resnet20": (he_fan_out, torchs),
    "resnet": (he_fan_out, torchs),
    "resnet_imagenet": (he_fan_out, torchs),
    "vgg": (he_fan_out, n_001),
    "wide_resnet": (he_fan_out, torchs),
}
BIASED = {
    "airbench",
    "alexnet init=paper",
    "alexnet init=torch",
    "resnet_imagenet",
}  # others start at 0
BY_LIBRARIES = {"timm", "torchvision"}


def made(name):
    name, _, option = name.partition(" ")
    config = {"name": name, **REQUIRED.get(name, {})} | dict(variants(MODELS)).get(name, {})
    if option:
        config |= [option.split("=")]
    torch.manual_seed(0)
    return build(MODELS, config, MNIST if name == "lenet5_1998" else CIFAR10)


def test_every_model_of_ours_is_among_them():
    assert {entry.name for entry in OURS} - BY_LIBRARIES <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_layers_start_by_their_rule(name):
    layers = [m for m in made(name).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    everywhere, at_the_end = RULES[name]
    for number, layer in enumerate(layers, start=1):
        std = (at_the_end if number == len(layers) else everywhere)(layer)
        sampling = 4 / (2 * layer.weight.numel()) ** 0.5  # 4 standard errors, of a normal
        assert layer.weight.std().item() == pytest.approx(std, rel=sampling), (number, layer)
        if name not in BIASED and layer.bias is not None:
            assert not layer.bias.any(), layer


def test_a_last_layer_that_is_not_as_he_et_al_have_it_is_listed():
    last = {name for name, (_, at_the_end) in RULES.items() if at_the_end is a_tenth_of_he}
    assert last == {"alexnet", "conv_stack", "lecture_cifar10_cnn", "mlp"}
    listed = [difference(MODELS[name].component) for name in ("conv_stack", "mlp")]
    listed.append(option_docs(MODELS["alexnet"].component)["init"])
    assert all("a tenth of the variance" in text for text in listed)


@pytest.mark.slow
def test_norms_start_as_the_identity():
    for name in RULES:
        for layer in made(name).modules():
            if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
                assert layer.weight.unique().tolist() == [1.0]
                assert not layer.bias.any()
