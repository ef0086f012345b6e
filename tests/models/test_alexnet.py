"""AlexNet's printed table of shapes, its ingredients one by one, its constants, its refusals."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from cnnlab.models import AlexNet
from cnnlab.spec import ImageSpec

CONF = Path(__file__).parents[2] / "conf" / "model"
SLIDE = ImageSpec(3, 227, 227, 1000)
CIFAR10 = ImageSpec(3, 32, 32, 10)


def variant(name, spec, **changes):
    """On the meta device: shapes and layers, no numbers."""
    delta = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    del delta["defaults"]
    with torch.device("meta"):
        return AlexNet(spec, **delta | changes)


def kinds(module):
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


def rows(model, spec):
    """(kind, H x W x C) of every layer that the slide has a line for, as images pass it."""
    seen = []
    shown = nn.Conv2d | nn.MaxPool2d | nn.LocalResponseNorm | nn.Linear
    for layer in model.modules():
        if isinstance(layer, shown):
            layer.register_forward_hook(
                lambda layer, _inputs, output: seen.append((type(layer).__name__, output.shape[1:]))
            )
    model(torch.empty(1, *spec.shape, device="meta"))
    return [
        (kind, "x".join(str(shape[i]) for i in ((1, 2, 0) if len(shape) == 3 else (0,))))
        for kind, shape in seen
    ]


def test_the_slide_s_table():
    assert rows(variant("alexnet_ungrouped", SLIDE), SLIDE) == [
        ("Conv2d", "55x55x96"),
        ("MaxPool2d", "27x27x96"),
        ("LocalResponseNorm", "27x27x96"),
        ("Conv2d", "27x27x256"),
        ("MaxPool2d", "13x13x256"),
        ("LocalResponseNorm", "13x13x256"),
        ("Conv2d", "13x13x384"),
        ("Conv2d", "13x13x384"),
        ("Conv2d", "13x13x256"),
        ("MaxPool2d", "6x6x256"),
        ("Linear", "4096"),
        ("Linear", "4096"),
        ("Linear", "1000"),
    ]


def test_the_paper_normalises_before_it_pools_and_splits_three_convolutions():
    model = variant("alexnet_2012", SLIDE)
    assert kinds(model.pool1) == kinds(model.pool2) == ["LocalResponseNorm", "MaxPool2d"]
    convs = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert [conv.groups for conv in convs] == [1, 2, 1, 2, 2]
    assert [drop.p for drop in model.modules() if isinstance(drop, nn.Dropout)] == [0.5, 0.5]
    assert kinds(model).count("ReLU") == 7


def test_options_remove_the_parts_of_2012_one_by_one():
    whole = kinds(variant("alexnet_2012", SLIDE))
    without = kinds(variant("alexnet_2012", SLIDE, norm="none"))
    assert [kind for kind in whole if kind != "LocalResponseNorm"] == without
    tanh = kinds(variant("alexnet_2012", SLIDE, activation="tanh"))
    assert tanh == [kind.replace("ReLU", "Tanh") for kind in whole]
    apart = variant("alexnet_2012", SLIDE, pool=2)  # windows that do not overlap
    assert rows(apart, SLIDE)[2] == ("MaxPool2d", "27x27x96")
    assert apart.pool1.max.kernel_size == 2


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ("after", ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]),
        ("before", ["Dropout", "Linear", "ReLU"] * 2 + ["Linear"]),
    ],
)
def test_dropout_is_before_or_after_hidden_layers_of_the_same_names(place, order):
    model = AlexNet(CIFAR10, hidden=(8, 4), dropout=0.5, dropout_place=place)
    called = []
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Dropout | nn.ReLU):
            layer.register_forward_hook(lambda layer, *_: called.append(type(layer).__name__))
    model(torch.randn(2, *CIFAR10.shape))
    assert called[5:] == order
    names = [name for name, _ in model.named_parameters() if "hidden" in name]
    assert names == ["hidden.0.weight", "hidden.0.bias", "hidden.3.weight", "hidden.3.bias"]


def test_the_paper_s_initialisation():
    torch.manual_seed(0)
    model = AlexNet(CIFAR10, init="paper", groups=2, hidden=(32,))
    for number in range(1, 6):
        conv = getattr(model, f"conv{number}")[0]
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert conv.bias.unique().tolist() == [float(number in (2, 4, 5))]
    assert model.hidden[0].bias.unique().tolist() == [1.0]
    assert model.classifier.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert not model.classifier.bias.any()


def test_the_paper_s_initialisation_goes_with_batch_norm():
    assert AlexNet(CIFAR10, init="paper", norm="batch").conv2[0].bias is None


@pytest.mark.parametrize(
    ("name", "least"),
    [("alexnet_2012", 67), ("alexnet_ungrouped", 67), ("alexnet_torchvision", 63)],
)
def test_stems_for_large_images_refuse_small_ones_by_number(name, least):
    with pytest.raises(ValueError, match="needs images") as refusal:
        variant(name, CIFAR10)
    assert str(refusal.value).startswith(f"needs images of at least {least}x{least}, not 32x32, ")
    assert str(refusal.value).endswith("padding=5 pool=2 takes 28x28 and up")
    smallest = ImageSpec(3, least, least, 10)
    logits = variant(name, smallest)(torch.empty(1, *smallest.shape, device="meta"))
    assert logits.shape == (1, 10)
    with pytest.raises(ValueError, match=f"not {least - 1}x{least}"):
        variant(name, ImageSpec(3, least - 1, least, 10))


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"^groups=3 must divide channels=\[64, 192, 384, 256"):
        AlexNet(CIFAR10, groups=3)
