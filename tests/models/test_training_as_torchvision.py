"""Every variant that torchvision has too, in training: how it starts, and what is random in it."""

from typing import Any

import pytest
import torch
import torchvision
from copied_weights import both
from torch import Tensor, nn

import cnnlab.models  # noqa: F401  (fills the registry)
from cnnlab.app.listing import variants
from cnnlab.config.schema import build
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

CONFIGS = dict(variants(MODELS))
FAST = ["resnet18", "densenet121", "convnext_tiny"]
SLOW = ["alexnet_torchvision", "vgg11", "vgg11_bn", "resnet34", "resnet50", "wide_resnet50_2"]
VARIANTS = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
DEPTHS = """
    vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn resnet101 resnet152 densenet169 densenet201
"""  # more of the same layers


def ours(name: str, spec: ImageSpec, **changes: Any) -> nn.Module:
    model: nn.Module = build(MODELS, {**CONFIGS[name], **changes}, spec)
    return model


def theirs(name: str) -> nn.Module:
    model: nn.Module = torchvision.models.get_model(arch(name), weights=None, num_classes=10)
    return model


def arch(name: str) -> str:
    """What torchvision calls a variant."""
    return name.removesuffix("_torchvision")


def images_for(name: str) -> ImageSpec:
    """Of 224 pixels where torchvision pools a head's features to the size that these have."""
    side = 224 if name.startswith(("alexnet", "vgg")) else 64
    return ImageSpec(3, side, side, 10)


def test_every_variant_that_torchvision_has_is_among_them():
    shared = {name for name in CONFIGS if arch(name) in torchvision.models.list_models()}
    assert shared == {*FAST, *SLOW, *DEPTHS.split()}


def in_training(model: nn.Module, images: Tensor) -> Tensor:
    torch.manual_seed(1)
    with torch.no_grad():
        outputs: Tensor = model.train()(images)
    return outputs


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_seed_gives_the_outputs_of_torchvision_in_training(name):
    spec = images_for(name)
    own, other = both(lambda spec: ours(name, spec), lambda: theirs(name), spec)
    images = torch.randn(2 if spec.height == 224 else 8, *spec.shape)
    outputs, expected = in_training(own, images), in_training(other, images)
    scale = expected.std()
    assert scale > 0.1
    torch.testing.assert_close(outputs / scale, expected / scale, rtol=1e-4, atol=1e-4)
    for (key, buffer), counterpart in zip(own.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(buffer, counterpart, rtol=1e-4, atol=1e-4, msg=key)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "off"), [("alexnet_torchvision", "dropout"), ("convnext_tiny", "stochastic_depth")]
)
def test_what_is_random_in_training_can_be_turned_off(name, off):
    spec = images_for(name)
    own, other = both(lambda spec: ours(name, spec, **{off: 0.0}), lambda: theirs(name), spec)
    images = torch.randn(8, *spec.shape)
    outputs = in_training(own, images)
    assert not torch.allclose(outputs, in_training(other, images), rtol=0.01, atol=0.01)
    with torch.no_grad():
        torch.testing.assert_close(outputs, other.eval()(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
def test_initial_weights_and_biases_are_distributed_as_torchvisions(name):
    torch.manual_seed(0)
    own, other = ours(name, images_for(name)), theirs(name)
    pairs = list(zip(own.named_parameters(), other.named_parameters(), strict=True))
    assert len(pairs) > 10
    for (key, tensor), (_, counterpart) in pairs:
        count, scale = tensor.numel(), counterpart.std().item()
        assert counterpart.numel() == count
        if scale == 0:  # all the same
            assert torch.equal(tensor.flatten(), counterpart.flatten()), key
            continue
        sampling = 5 * scale / count**0.5  # of each statistic less than 1.5 standard errors of it
        assert tensor.std().item() == pytest.approx(scale, abs=sampling), key
        assert tensor.mean().item() == pytest.approx(counterpart.mean().item(), abs=1.5 * sampling)
        size = counterpart.abs().mean().item()  # 0.80 of the std of a normal, 0.87 of a uniform
        assert tensor.abs().mean().item() == pytest.approx(size, abs=sampling), key
