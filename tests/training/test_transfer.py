"""Trained weights held against a model: what fits, which layer is the head, what freezes."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cnnlab.app.compose import compose
from cnnlab.config.init_options import InitConfig
from cnnlab.models import MLP, Autoencoder, LeNet5, ResNet
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.training.assemble import assemble
from cnnlab.training.transfer import find_head, freeze, match, start

SPEC = ImageSpec(1, 12, 12, 10)
NOTHING: frozenset[str] = frozenset()


def mlp(hidden=(8,), num_classes=10) -> MLP:
    return MLP(ImageSpec(1, 12, 12, num_classes), hidden=hidden)


# What fits


def test_weights_of_the_same_name_and_shape_are_taken_and_all_others_listed():
    source = {**mlp((8,)).state_dict(), "fc.bias": torch.zeros(3)}
    found = match(mlp((8,), num_classes=4), source, NOTHING)
    assert list(found.weights) == ["hidden.0.weight", "hidden.0.bias"]
    assert found.weights["hidden.0.weight"] is source["hidden.0.weight"]
    assert found.unmatched == [
        "classifier.weight (4, 8): (10, 8) in the file or run, re-initialised",
        "classifier.bias (4): (10) in the file or run, re-initialised",
        "fc.bias (3): not in the model, ignored",
    ]


def test_what_was_not_trained_and_what_shall_be_new_is_listed():
    source = {"hidden.0.weight": torch.zeros(8, 144), "classifier.bias": torch.zeros(10)}
    found = match(mlp(), source, frozenset(["classifier.weight", "classifier.bias"]))
    assert list(found.weights) == ["hidden.0.weight"]
    assert found.unmatched == [
        "hidden.0.bias (8): not in the file or run, re-initialised",
        "classifier.weight (10, 8): re-initialised (init.head=new)",
        "classifier.bias (10): re-initialised (init.head=new)",
    ]


@pytest.mark.parametrize("wrapped", ["source", "model", "both"])
def test_wrappers_are_looked_through(wrapped):
    """``module.`` of a parallel wrapper, ``model.`` of a Lightning checkpoint."""
    source, model = mlp().state_dict(), mlp()
    if wrapped != "model":
        source = {f"module.model.{name}": value for name, value in source.items()}
    if wrapped != "source":
        model = nn.ModuleDict({"net": model})
    found = match(model, source, NOTHING)
    assert found.unmatched == []
    model.load_state_dict(found.weights)
    inner = model["net"] if wrapped != "source" else model
    for name, value in inner.state_dict().items():
        assert torch.equal(value, source[name if wrapped == "model" else f"module.model.{name}"])


# Which layer is the head


class Backwards(nn.Module):
    """Its head is defined first, and it holds a weight itself, as vision transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1))
        self.top = nn.Linear(4, 10)
        self.bottom = nn.Linear(144, 4)

    def forward(self, images):
        return self.top(self.bottom(images.flatten(1)) + self.token)


@pytest.mark.parametrize(
    ("model", "head"),
    [
        (MLP(SPEC), "classifier"),
        (ResNet(SPEC, depth=8), "classifier"),
        (LeNet5(ImageSpec(1, 28, 28, 10)), "classifier"),
        (Autoencoder(SPEC), "decoder.2"),
        (Backwards(), "top"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_head_is_the_last_layer_that_runs(model, head):
    spec = ImageSpec(1, 28, 28, 10) if isinstance(model, LeNet5) else SPEC
    assert find_head(model, spec) == {f"{head}.weight", f"{head}.bias"}
    assert model.training


# What freezes


def frozen(model) -> set[str]:
    return {name for name, p in model.named_parameters() if not p.requires_grad}


def network() -> nn.ModuleDict:
    features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    return nn.ModuleDict({"features": features, "fc": nn.Linear(2, 2)})


def test_a_pattern_freezes_parameters_and_the_statistics_that_it_names():
    model = network()
    freeze(model, "features.*", NOTHING)
    assert frozen(model) == {f"features.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")}
    assert not model["features"][1].training
    assert model["features"][0].training

    model = network()
    freeze(model, "*.weight", NOTHING)
    assert frozen(model) == {"features.0.weight", "features.1.weight", "fc.weight"}
    assert model["features"][1].training


def test_a_new_head_always_learns():
    model = network()
    freeze(model, "*", frozenset(["fc.weight", "fc.bias"]))
    assert frozen(model) == {f"features.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")}


def test_a_pattern_must_name_something_and_leave_something():
    with pytest.raises(
        CnnlabError, match=r"init.freeze=conv\* matches no parameter; .* features.0"
    ):
        freeze(network(), "conv*", NOTHING)
    with pytest.raises(CnnlabError, match=r"init.freeze=\* freezes every parameter"):
        freeze(network(), "*", NOTHING)


# Files


@pytest.mark.parametrize("kind", ["safetensors", "pth", "nested", "ckpt"])
def test_files_hold_weights_as_well(tmp_path, kind):
    state = mlp().state_dict()
    file = tmp_path / f"weights.{kind}"
    if kind == "safetensors":
        save_file(state, file)
    else:
        content = {
            "pth": state,
            "nested": {"model": state, "epoch": 3},
            "ckpt": {"state_dict": {f"model.{name}": value for name, value in state.items()}},
        }
        torch.save(content[kind], file)
    found = start(mlp(), InitConfig(from_=str(file)), NOTHING)
    assert found.unmatched == []
    assert all(torch.equal(found.weights[name], state[name]) for name in state)


@pytest.mark.slow
@pytest.mark.usefixtures("cnnlab")
def test_torchvision_s_file_starts_torchvision_s_model(tmp_path):
    from torchvision.models import resnet18

    torch.manual_seed(1)
    state = resnet18(num_classes=7).state_dict()
    torch.save(state, tmp_path / "resnet18.pth")
    words = [
        *("model=torchvision", "model.arch=resnet18", "data=synthetic", "data.channels=3"),
        *("data.size=32", "data.num_train=16", "batch_size=8", "init.from=resnet18.pth"),
    ]
    config = compose([*words, "init.freeze=layer[1-3].*", "init.head=new", "optim.backbone_lr=0.1"])
    parts = assemble(config)
    found = start(parts.model, config.init, parts.head)
    assert parts.head == {"fc.weight", "fc.bias"}
    assert len(found.weights) == len(state) - 2
    assert {name.split(".")[0] for name in frozen(parts.model)} == {"layer1", "layer2", "layer3"}
    head, backbone = parts.optimizer.param_groups
    assert [p.shape for p in head["params"]] == [(10, 512), (10,)]
    assert (head["lr"], backbone["lr"]) == pytest.approx((0.05, 0.005))
