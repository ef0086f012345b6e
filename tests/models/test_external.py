"""torchvision's and timm's networks as models of this package."""

import re

import pytest
import torch
import torchvision
from torch import nn

from cnnlab.config import schema
from cnnlab.models import timm_model, torchvision_model
from cnnlab.models.external import build_external
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.spec import ImageSpec

GRAY = ImageSpec(1, 32, 32, 7)
CIFAR10 = ImageSpec(3, 32, 32, 10)
PHOTO = ImageSpec(3, 224, 224, 1000)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def on_meta(arch, spec):
    with torch.device("meta"):
        return torchvision_model(spec, arch=arch)


def test_a_network_is_torchvision_s_own():
    torch.manual_seed(0)
    ours = torchvision_model(CIFAR10, arch="resnet18")
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=10)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert torch.equal(ours.layer4[0].conv1.weight, theirs.layer4[0].conv1.weight)
    assert count(ours) == 11_181_642


@pytest.mark.parametrize(
    ("arch", "stem"),
    [
        ("resnet18", "conv1"),
        ("alexnet", "features.0"),
        ("efficientnet_b0", "features.0.0"),
        ("convnext_tiny", "features.0.0"),
        ("swin_t", "features.0.0"),
        ("densenet121", "features.conv0"),
        ("vit_b_32", "conv_proj"),
        ("googlenet", "conv1.conv"),
    ],
)
def test_the_first_convolution_takes_the_images_channels(arch, stem):
    spec = ImageSpec(5, 64, 64, 7)
    ours, theirs = on_meta(arch, spec), on_meta(arch, ImageSpec(3, 64, 64, 7))
    new, old = ours.get_submodule(stem), theirs.get_submodule(stem)
    assert new.in_channels == 5
    assert new.extra_repr().replace("5", "3", 1) == old.extra_repr()
    assert count(ours) - count(theirs) == 2 * old.weight.numel() // 3
    assert ours(torch.empty(2, 5, 64, 64, device="meta")).shape == (2, 7)


def test_a_new_first_convolution_is_drawn_for_its_channels():
    torch.manual_seed(0)
    weight = torchvision_model(GRAY, arch="resnet18").conv1.weight
    assert weight.shape == (64, 1, 7, 7)
    assert weight.std().item() == pytest.approx((2 / 49) ** 0.5, rel=0.05)


@pytest.mark.parametrize("arch", ["googlenet", "inception_v3"])
def test_auxiliary_classifiers_are_left_out(arch):
    model = on_meta(arch, PHOTO).train()
    assert model(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 1000)
    assert not any("aux" in name.lower() for name, _ in model.named_parameters())


def test_a_transformer_is_built_for_the_images_size():
    assert on_meta("vit_b_16", CIFAR10).encoder.pos_embedding.shape == (1, 1 + 4, 768)


@pytest.mark.parametrize(
    ("arch", "spec", "message"),
    [
        ("resnet181", CIFAR10, "there is no arch 'resnet181'; did you mean 'resnet18'?"),
        ("fasterrcnn_resnet50_fpn", CIFAR10, "there is no arch 'fasterrcnn_resnet50_fpn'"),
        ("vit_b_16", ImageSpec(1, 28, 28, 10), "arch=vit_b_16 cannot take images of 28x28x1: "),
        ("vit_b_16", ImageSpec(3, 32, 64, 10), "arch=vit_b_16 takes square images, not 32x64x3"),
        ("maxvit_t", CIFAR10, "arch=maxvit_t cannot take images of 32x32x3: Input size"),
    ],
)
def test_refusals_name_arch_and_image(arch, spec, message):
    with pytest.raises(CnnlabError) as refusal, torch.device("meta"):
        schema.build(MODELS, {"name": "torchvision", "arch": arch}, spec)
    assert str(refusal.value).startswith(f"model=torchvision: {message}")
    assert "\n" not in str(refusal.value)


def test_the_arch_must_be_given():
    with pytest.raises(CnnlabError, match=r"^model=torchvision needs model\.arch=\.\.\.$"):
        schema.build(MODELS, {"name": "torchvision"}, CIFAR10)


def test_what_cannot_be_built_without_memory_is_built_and_then_emptied():
    def build():
        torch.linspace(0, 1, 3).tolist()  # meta tensors refuse this
        return nn.Linear(2, 3)

    with torch.device("meta"):
        assert build_external("a", ["a"], CIFAR10, build).weight.is_meta
        assert on_meta("regnet_y_400mf", CIFAR10).fc.weight.is_meta
    assert not build_external("a", ["a"], CIFAR10, build).weight.is_meta


LARGER = re.compile(r"regnet_[xy]_(16|32|128)gf|efficientnet_(b[567]|v2_[ml])")  # the same layers
ARCHS = [a for a in torchvision.models.list_models(torchvision.models) if not LARGER.fullmatch(a)]


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHS)
def test_every_network_of_torchvision(arch):
    size = 64 if arch.startswith("regnet") else 224
    model = on_meta(arch, ImageSpec(1, size, size, 7)).train()
    assert model(torch.empty(2, 1, size, size, device="meta")).shape == (2, 7)


def test_timm_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    with pytest.raises(CnnlabError) as refusal:
        schema.build(MODELS, {"name": "timm", "arch": "convnext_tiny"}, CIFAR10)
    expected = "model=timm needs the package timm: pip install 'cnnlab[timm]'"
    assert str(refusal.value) == expected


@pytest.mark.parametrize(
    ("arch", "parameters"),
    [  # published for 3 channels, 224x224 and 1000 classes; less: two channels, 993 classes, places
        ("resnet18", 11_689_512 - 2 * 64 * 7 * 7 - 993 * 513),
        ("convnext_tiny", 28_589_128 - 2 * 96 * 4 * 4 - 993 * 769),
        ("vit_tiny_patch16_224", 5_717_416 - 2 * 192 * 16 * 16 - 993 * 193 - (14 * 14 - 4) * 192),
    ],
)
def test_timm_adapts_channels_classes_and_size(arch, parameters):
    pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm_model(GRAY, arch=arch)
    assert model(torch.empty(2, 1, 32, 32, device="meta")).shape == (2, 7)
    assert count(model) == parameters


def test_timm_refuses_an_unknown_arch():
    pytest.importorskip("timm")
    with pytest.raises(ValueError, match=r"no arch 'convnext_tin'; did you mean 'convnext_tiny'\?"):
        timm_model(GRAY, arch="convnext_tin")
