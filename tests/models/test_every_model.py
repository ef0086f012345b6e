"""What holds for every registered model on every image size that it takes."""

import importlib.util
import inspect
import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from registered_models import OURS, REQUIRED

from cnnlab import models
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

SPECS = [
    ImageSpec(1, 28, 28, 10),
    ImageSpec(3, 32, 32, 10),
    ImageSpec(1, 32, 32, 2),
    ImageSpec(3, 48, 64, 100),
]
ONLY = {"lenet5_1998": SPECS[:1]}  # the others of these specs it refuses
NAMES = (
    "airbench alexnet autoencoder conv_autoencoder conv_stack convnext densenet encoder_classifier "
    "lenet5 lenet5_1998 mlp resnet resnet_imagenet timm torchvision vgg wide_resnet"
)
INSTALLED = [
    pytest.param(
        entry,
        id=entry.name,
        marks=pytest.mark.skipif(
            any(importlib.util.find_spec(package) is None for package in entry.packages),
            reason="an optional extra",
        ),
    )
    for entry in OURS
]
ENTRIES = pytest.mark.parametrize("entry", INSTALLED)


def build(entry, spec):
    return entry.component(spec, **REQUIRED.get(entry.name, {}))


def test_the_registered_models_are_these():
    assert " ".join(entry.name for entry in OURS) == NAMES
    assert len(models.__all__) == len(OURS)


def test_a_name_that_is_not_a_model_lists_the_models():
    with pytest.raises(AttributeError, match="no 'ResNext'; it has Airbench, AlexNet, Autoencoder"):
        models.ResNext  # noqa: B018


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_only_options_that_the_program_cannot_guess_are_required(entry):
    parameters = list(inspect.signature(entry.component).parameters.values())
    assert parameters[0].name == "spec"
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters[1:])
    required = {p.name for p in parameters[1:] if p.default is inspect.Parameter.empty}
    assert required == set(REQUIRED.get(entry.name, {}))


@pytest.mark.parametrize("spec", SPECS, ids=str)
@ENTRIES
def test_model_learns_from_a_batch_and_answers_for_one_image(entry, spec):
    if spec not in ONLY.get(entry.name, SPECS):
        with pytest.raises(ValueError, match="not"):
            build(entry, spec)
        return
    torch.manual_seed(0)
    model = build(entry, spec)
    images = torch.randn(2, *spec.shape)
    outputs = model(images)
    if entry.task == "reconstruct":
        assert outputs.shape == images.shape
        F.mse_loss(outputs, images).backward()
    else:
        assert outputs.shape == (2, spec.num_classes)
        F.cross_entropy(outputs, torch.tensor([0, 1])).backward()
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    assert len(trained) > len(list(model.parameters())) / 2  # few are fixed from the start
    for name, parameter in trained:
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert sum(parameter.grad.abs().sum() for _, parameter in trained) > 0
    model.eval()
    with torch.no_grad():
        assert model(images[:1]).shape == (1, *outputs.shape[1:])


UNDECIDED = "alexnet conv_stack densenet mlp resnet resnet_imagenet vgg wide_resnet"


@pytest.mark.parametrize("name", UNDECIDED.split())
def test_an_untrained_model_predicts_nearly_uniform_probabilities(name):
    torch.manual_seed(0)
    model = build(MODELS[name], SPECS[1])
    with torch.no_grad():
        loss = F.cross_entropy(model(torch.randn(32, *SPECS[1].shape)), torch.arange(32) % 10)
    assert loss.item() == pytest.approx(math.log(10), abs=0.3)


@ENTRIES
def test_the_images_of_a_batch_do_not_mix_in_eval_mode(entry):
    torch.manual_seed(0)
    model = build(entry, SPECS[0]).eval()
    images = torch.randn(3, *SPECS[0].shape)
    with torch.no_grad():
        together, apart = model(images), torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


@ENTRIES
def test_the_same_seed_gives_the_same_weights(entry):
    def weights(seed):
        torch.manual_seed(seed)
        return build(entry, SPECS[0]).state_dict()

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.slow
def test_models_need_nothing_of_ours_but_the_spec_and_the_registry():
    code = (
        "import sys, cnnlab.models\n"
        "print(*sorted({n.split('.')[1] for n in sys.modules if n.startswith('cnnlab.')}))\n"
        "print({'hydra', 'omegaconf', 'lightning', 'torchvision'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert shown.splitlines() == ["models registry spec", "set()"]
