"""No component of this package changes what it does without a new version."""

import copy

import fingerprints
import pytest
from fingerprints import COMMAND, entries, fingerprint, problem, recorded

from cnnlab.registry import MODELS, OPTIMIZERS

RECORDED = recorded()
ENTRIES = {f"{kind}={entry.name}": (kind, entry) for kind, entry in entries()}
DEEP = {f"model={name}" for name in ("convnext", "densenet", "resnet", "resnet_imagenet", "vgg")}


def test_every_component_is_recorded():
    assert set(ENTRIES) <= set(RECORDED), f"run {COMMAND}"
    assert set(RECORDED) - set(ENTRIES) <= {"model=timm"}  # where the extra is not installed
    assert len(RECORDED) == 17 + 10 + 5 + 7 + 3 + 2 + 4


@pytest.mark.parametrize(
    "key",
    [pytest.param(key, marks=[pytest.mark.slow] if key in DEEP else []) for key in ENTRIES],
)
def test_behaviour_is_that_of_the_recorded_version(key):
    message = problem(key, RECORDED.get(key), fingerprint(*ENTRIES[key]))
    assert message is None, message


def test_a_change_asks_for_a_new_version():
    key, now = "optim=adam", fingerprint("optim", OPTIMIZERS["adam"])
    past = copy.deepcopy(now)
    past["defaults"][0] *= 1.0001
    assert problem(key, past, now) is None
    past["defaults"][0] *= 1.01
    message = problem(key, past, now)
    assert message is not None
    assert message.startswith(
        "behaviour of optim=adam changed (defaults): undo that, or raise vers"
    )
    assert message.endswith(f"and run {COMMAND} to record")
    message = problem(key, past, now | {"version": 2})
    assert message == f"version 2 of optim=adam is not recorded: run {COMMAND}"
    assert problem(key, None, now) == f"version 1 of optim=adam is not recorded: run {COMMAND}"


def test_a_new_choice_asks_only_to_be_recorded():
    past = RECORDED["model=lenet5"]
    now = copy.deepcopy(past)
    now["behaviour"]["pool=new"] = {}
    message = problem("model=lenet5", past, now)
    assert message == f"model=lenet5 has behaviour pool=new, not recorded: run {COMMAND}"
    message = problem("model=lenet5", now, past)
    assert message is not None
    assert "behaviour of model=lenet5 changed (behaviour pool=new)" in message


@pytest.mark.parametrize("edit", ["initial weights", "dropout", "order of the layers"])
def test_changes_of_a_model_are_seen(edit):
    import torch
    from torch import nn

    entry = MODELS["conv_stack"]

    class Edited(entry.component):
        __module__, __qualname__ = entry.component.__module__, entry.component.__qualname__

        def __init__(self, spec, *, layers: list[str]):
            if edit == "order of the layers":
                layers = [layers[0], layers[2], layers[1], *layers[3:]]
            super().__init__(spec, layers=layers)
            for module in self.modules():
                if edit == "dropout" and isinstance(module, nn.Dropout):
                    module.p = 0.4
                if edit == "initial weights" and isinstance(module, nn.Linear):
                    with torch.no_grad():
                        module.weight.mul_(1.1)

    with MODELS.temporary():
        MODELS.register("conv_stack")(Edited)
        now = fingerprint("model", MODELS["conv_stack"])
    assert fingerprints.changes(RECORDED["model=conv_stack"], now)
