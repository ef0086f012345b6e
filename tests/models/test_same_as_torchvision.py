"""Equal outputs with torchvision's networks under copied random weights, to 1e-5."""

import pytest
import torch
import torchvision
from copied_weights import outputs_of_both

from cnnlab.models import VGG, AlexNet, ConvNeXt, DenseNet
from cnnlab.spec import ImageSpec

SLOW = pytest.mark.slow
IMAGENET = ImageSpec(3, 224, 224, 1000)


def assert_equal_outputs(ours, name, **options):
    theirs = getattr(torchvision.models, name)
    outputs, expected = outputs_of_both(ours, lambda: theirs(**options), IMAGENET)
    assert expected.std() > 0.1
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)


def test_alexnet():
    options = {"hidden": (4096, 4096), "padding": 2, "pool": 3, "dropout": 0.5}
    assert_equal_outputs(lambda spec: AlexNet(spec, **options), "alexnet")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "batch_norm"),
    [
        (11, False),
        *(pytest.param(*case, marks=SLOW) for case in ((11, True), (16, False), (16, True))),
    ],
)
def test_vgg(depth, batch_norm):
    assert_equal_outputs(
        lambda spec: VGG(spec, depth=depth, batch_norm=batch_norm),
        f"vgg{depth}{'_bn' if batch_norm else ''}",
        init_weights=False,
    )


def test_densenet121():
    assert_equal_outputs(
        lambda spec: DenseNet(spec, depth=121, growth_rate=32, stem="imagenet"), "densenet121"
    )


def test_convnext_tiny():
    assert_equal_outputs(
        lambda spec: ConvNeXt(spec, blocks=(3, 3, 9, 3), channels=(96, 192, 384, 768), patch=4),
        "convnext_tiny",
    )
