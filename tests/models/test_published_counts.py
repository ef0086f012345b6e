"""Parameters and MACs against the published figures, to the last digit."""

from pathlib import Path

import pytest
import torch
import yaml

from cnnlab.models import MLP, AlexNet, ConvStack, LeNet5, ResNet
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

MNIST = ImageSpec(1, 28, 28, 10)
GRAY32 = ImageSpec(1, 32, 32, 10)
CIFAR10 = ImageSpec(3, 32, 32, 10)
CONF = Path(__file__).parents[2] / "conf" / "model"


@pytest.mark.parametrize(
    ("model", "options", "spec", "parameters", "macs"),
    [
        (MLP, {}, MNIST, 269_322, 268_800),
        (MLP, {"hidden": (1000, 1000)}, MNIST, 1_796_010, 784_000 + 1_000_000 + 10_000),
        (MLP, {"hidden": ()}, MNIST, 7_850, 7_840),
        (LeNet5, {}, GRAY32, 61_706, 416_520),
        (LeNet5, {}, MNIST, 61_706, 416_520),
        (LeNet5, {}, CIFAR10, 62_006, 651_720),
        (AlexNet, {}, CIFAR10, 2_472_266, 14_957_056),
        (ResNet, {"depth": 20}, CIFAR10, 269_722, 40_551_040),
        (ResNet, {"depth": 32}, CIFAR10, 464_154, 68_862_592),
        (ResNet, {"depth": 44}, CIFAR10, 658_586, 97_174_144),
        (ResNet, {"depth": 56}, CIFAR10, 853_018, 125_485_696),
        (ResNet, {"depth": 110}, CIFAR10, 1_727_962, 252_887_680),
        (ResNet, {"depth": 20, "shortcut": "B"}, CIFAR10, 272_474, 40_813_184),
        (ResNet, {"depth": 32, "shortcut": "B"}, CIFAR10, 466_906, 69_124_736),
        (ResNet, {"depth": 44, "shortcut": "B"}, CIFAR10, 661_338, 97_436_288),
        (ResNet, {"depth": 56, "shortcut": "B"}, CIFAR10, 855_770, 125_747_840),
        (ResNet, {"depth": 110, "shortcut": "B"}, CIFAR10, 1_730_714, 253_149_824),
    ],
)
def test_model_has_the_published_cost(cost, model, options, spec, parameters, macs):
    assert cost(lambda spec: model(spec, **options), spec) == (parameters, macs)


@pytest.mark.slow
def test_resnet1202_has_the_published_parameters():
    with torch.device("meta"):
        model = ResNet(CIFAR10, depth=1202)
    assert sum(parameter.numel() for parameter in model.parameters()) == 19_421_274


@pytest.mark.parametrize(
    ("variant", "spec", "parameters"),
    [
        ("lecture_mnist_cnn", MNIST, 3_274_634),
        ("lecture_cifar10_cnn", CIFAR10, 2_889_034),
        ("cs231n_preview", CIFAR10, 307_498),
    ],
)
def test_written_networks_have_the_lecture_s_parameters(cost, variant, spec, parameters):
    layers = yaml.safe_load((CONF / f"{variant}.yaml").read_text())["layers"]
    assert cost(lambda spec: ConvStack(spec, layers=layers), spec)[0] == parameters


@pytest.mark.parametrize("depth", [32, 44, 56, 110])
def test_resnet_variants_are_named_by_their_depth(depth):
    assert yaml.safe_load((CONF / f"resnet{depth}.yaml").read_text())["depth"] == depth


def test_every_variant_says_what_it_is_and_builds_on_a_registered_model():
    for path in CONF.glob("*.yaml"):
        text = path.read_text()
        base, own = yaml.safe_load(text)["defaults"]
        assert text.startswith("# "), path
        assert base in MODELS
        assert own == "_self_"
