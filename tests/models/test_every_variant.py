"""Every registered model and every variant in conf/model trains, saves and loads."""

import functools

import pytest
import torch
import torch.nn.functional as F
from registered_models import OURS, REQUIRED

from cnnlab.app.listing import variants
from cnnlab.app.overrides import CONF
from cnnlab.config import schema
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.spec import ImageSpec

CONFIGS = {entry.name: {"name": entry.name, **REQUIRED.get(entry.name, {})} for entry in OURS}
ARCHITECTURES = sorted(CONFIGS)
CONFIGS |= dict(variants(MODELS))
SLOW = """
    alexnet_2012 alexnet_torchvision alexnet_ungrouped convnext_tiny densenet121 plain110 plain34
    preact_resnet110 resnet110 resnet1202 resnet34 resnet34_small resnet50 resnet50_v1
    wide_resnet50_2 wrn16_8 wrn28_10 wrn40_4
"""  # above all by their millions of parameters
DEEPER = """
    densenet169 densenet201 densenet_bc_190_40 resnet101 resnet101_v1 resnet152 resnet152_v1
    vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
"""  # more of the same layers: built, and differentiated without memory
PARAMETERS = [
    pytest.param(name, "32", marks=[pytest.mark.slow] if name in SLOW.split() else [])
    for name in sorted(CONFIGS)
    if name not in DEEPER.split()
]
# One of each architecture, and a small one: bf16 is slow on processors that only emulate it.
SMALL = {
    "densenet": {"depth": 22},
    "vgg": {"depth": 11, "hidden": [32]},
    "wide_resnet": {"depth": 10, "width": 2},
}
PARAMETERS += [pytest.param(name, "bf16", marks=pytest.mark.slow) for name in ARCHITECTURES]


@functools.cache
def smallest_spec(name):
    """The smallest colour images, or grey ones, that the model takes, of ten classes."""
    # From 24 on: at 16 the ImageNet families stride over maps of 1x1, and torch's gradients of that
    # are not what they should be in bf16 on processors with AMX (torch 2.14).
    for channels, side in ((3, 24), (3, 32), (1, 28), (3, 64), (3, 96), (3, 224)):
        spec = ImageSpec(channels, side, side, 10)
        try:
            with torch.device("meta"):
                schema.build(MODELS, CONFIGS[name], spec).eval()(torch.empty(1, *spec.shape))
        except (CnnlabError, RuntimeError):
            continue
        return spec
    raise AssertionError(f"{name} takes no images")


def test_the_number_of_models_and_variants():
    assert len(ARCHITECTURES) == 17
    assert len(CONFIGS) - len(ARCHITECTURES) == 52 == len(list((CONF / "model").rglob("*.yaml")))
    assert {*SLOW.split(), *DEEPER.split()} <= set(CONFIGS)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEPER.split())
def test_every_parameter_of_a_deeper_one_has_a_gradient(name):
    spec = smallest_spec(name)
    with torch.device("meta"):
        model = schema.build(MODELS, CONFIGS[name], spec)
        outputs = model(torch.empty(8, *spec.shape))
    assert outputs.shape == (8, spec.num_classes)
    F.cross_entropy(outputs, torch.empty(8, dtype=torch.long, device="meta")).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(("name", "precision"), PARAMETERS)
def test_trains_a_step_saves_and_loads(name, precision, tmp_path):
    config = CONFIGS[name] | (SMALL.get(name, {}) if precision == "bf16" else {})
    entry = MODELS[config["name"]]
    for package in entry.packages:
        pytest.importorskip(package)
    spec = smallest_spec(name)
    torch.manual_seed(0)
    model = schema.build(MODELS, config, spec)
    # Four images, since on maps of 1x1 batch norm has no more numbers than there are images.
    images, labels = torch.randn(4, *spec.shape), torch.arange(4)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")

    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with autocast:
        outputs = model(images)
        if entry.task == "reconstruct":
            loss = F.mse_loss(outputs.float(), images)
        else:
            loss = F.cross_entropy(outputs.float(), labels)
    loss.backward()
    # Gradients grow with depth in plain networks, up to a million here: one of their lessons.
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
    optimizer.step()
    assert loss.isfinite()
    after = list(model.parameters())
    assert all(parameter.isfinite().all() for parameter in after)
    assert not all(map(torch.equal, before, after))

    torch.save(model.state_dict(), tmp_path / "weights.pt")
    with torch.device("meta"):
        again = schema.build(MODELS, config, spec)
    weights = torch.load(tmp_path / "weights.pt", weights_only=True)
    with torch.no_grad(), autocast:
        expected = model.eval()(images)
        assert expected.isfinite().all()
        again.load_state_dict(weights, assign=True)
        assert torch.equal(again.eval()(images), expected)
