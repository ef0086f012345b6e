"""A run that goes on with other options uses those, and keeps the state of each parameter."""

from functools import partial

import pytest
import torch
from torch import nn

from cnnlab.registry import CnnlabError
from cnnlab.training import optimizer_state
from cnnlab.training.callbacks import EarlyStop
from cnnlab.training.optim import adam, rmsprop, sgd
from cnnlab.training.param_groups import NamedParameters
from cnnlab.training.plateau import Plateau
from cnnlab.training.schedule import Constant

CHANGES = [
    (sgd, {}, {"lr": 0.2, "momentum": 0.5, "weight_decay": 0.0, "nesterov": True}),
    (sgd, {"momentum": 0.0}, {"momentum": 0.9}),
    (sgd, {}, {"momentum": 0.0}),
    (adam, {}, {"lr": 0.01, "beta1": 0.5, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1}),
    (rmsprop, {}, {"alpha": 0.5, "momentum": 0.5, "lr": 0.01}),
]
SPECIFIC = ("lr", "initial_lr", "params")


def options(optimizer: torch.optim.Optimizer) -> list[dict]:
    return [
        {key: value for key, value in group.items() if key not in SPECIFIC}
        for group in optimizer.param_groups
    ]


@pytest.mark.parametrize(("make", "before", "changes"), CHANGES)
def test_options_are_those_asked_for(run, make, before, changes) -> None:
    first = partial(make, **before)
    made = run(epochs=1, optimizer=first, schedule=Constant).fit()
    made.optimizer, made.epochs = partial(make, **{**before, **changes}), 2
    made.fit()
    fresh = made.optimizer(made.model.parameters())
    assert options(made.module.optimizer) == options(fresh)
    assert made.rows()[1]["lr"] == fresh.param_groups[0]["lr"]
    # the same with torch alone, from the first epoch's end on
    made.epochs = 3
    made.fit()
    assert options(made.module.optimizer) == options(fresh)


def test_a_changed_learning_rate_moves_weights_by_it(run) -> None:
    """Of a learning rate of nearly 0 the weights of the first epoch stay."""
    made = run(epochs=1).fit()
    before = made.model[0].weight.detach().clone()
    made.optimizer, made.epochs = partial(sgd, lr=1e-12, momentum=0.0), 2
    made.fit()
    assert torch.allclose(made.model[0].weight, before, atol=1e-8)


def test_a_changed_schedule_holds_from_the_resumed_step_on(run) -> None:
    made = run(epochs=2, schedule=Constant).fit()
    made.schedule, made.epochs = partial(Plateau, gamma=0.5, patience=0), 3
    made.fit()
    assert made.rows()[2]["lr"] == 0.05
    assert made.module.schedule.best == made.rows()[2]["val_loss"]
    made.schedule, made.epochs = partial(Plateau, metric="val_acc"), 4
    made.fit()
    assert made.module.schedule.best == made.rows()[3]["val_acc"]


class CountingSGD(torch.optim.SGD):
    """Counts in its group what it did, as schedule-free optimisers do."""

    def __init__(self, params, lr: float, scale: float) -> None:
        super().__init__(params, lr=lr)
        self.param_groups[0] |= {"steps": 0, "scale": scale}

    def step(self, closure=None):
        self.param_groups[0]["steps"] += 1
        return super().step(closure)


def test_what_an_optimizer_counts_in_its_options_is_kept(run) -> None:
    made = run(epochs=1, optimizer=partial(CountingSGD, lr=0.1, scale=1.0)).fit()
    made.optimizer, made.epochs = partial(CountingSGD, lr=0.1, scale=2.0), 2
    made.fit()
    (group,) = made.module.optimizer.param_groups
    assert (group["steps"], group["scale"]) == (40, 2.0)


def test_each_parameter_keeps_its_momentum_in_other_groups() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    named = NamedParameters(dict(model.named_parameters()), head=frozenset({"1.weight", "1.bias"}))
    alone = sgd(model.parameters(), lr=0.1)
    apart = sgd(named, lr=0.1, backbone_lr=0.01)
    for optimizer, other in ((alone, apart), (apart, alone)):
        for number, parameter in enumerate(model.parameters()):
            optimizer.state[parameter]["momentum_buffer"] = torch.full_like(parameter, number)
        checkpoint = {"optimizer_states": [optimizer.state_dict()]}
        asked = optimizer_state.group_options(optimizer)
        optimizer_state.describe(checkpoint, optimizer, model, asked)
        asked = optimizer_state.group_options(other)
        optimizer_state.adapt(checkpoint, other, model, asked)
        other.load_state_dict(checkpoint["optimizer_states"][0])
        for number, parameter in enumerate(model.parameters()):
            assert torch.all(other.state[parameter]["momentum_buffer"] == number)
        assert optimizer_state.group_options(other) == asked
    del checkpoint["optimizer"]  # as in a checkpoint made before
    checkpoint["optimizer_states"] = [apart.state_dict()]
    with pytest.raises(CnnlabError, match="keep its value"):
        optimizer_state.adapt(checkpoint, alone, model, optimizer_state.group_options(alone))


def test_another_metric_begins_its_own_comparison(run) -> None:
    made = run(epochs=2, keep="val_acc", callbacks=(EarlyStop("val_acc", 5),)).fit()
    made.epochs, made.keep, made.callbacks = 3, "val_loss", (EarlyStop("val_loss", 5),)
    made.fit()
    assert made.checkpoint.best == {"epoch": 3, "value": made.rows()[2]["val_loss"]}
    assert made.callbacks[0].best == made.rows()[2]["val_loss"]
