"""Optimisers: the arguments arrive, and one step is the one of the paper."""

import pytest
import torch
from torch import nn

from cnnlab.app.compose import compose
from cnnlab.registry import OPTIMIZERS
from cnnlab.training.optim import adam, adamw, rmsprop, sgd


def step(make, gradients: list[float], **options) -> float:
    """Where a single weight that begins at 1 stands after these gradients."""
    weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make([weight], **options)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
    return weight.item()


def test_names() -> None:
    assert {entry.name for entry in OPTIMIZERS} == {"sgd", "adam", "adamw", "rmsprop", "muon"}


def test_sgd_by_hand() -> None:
    # v = 2; w = 1 - 0.1 * 2; then v = 0.5 * 2 + 1 = 2; w = 0.8 - 0.1 * 2
    options = {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.0}
    assert step(sgd, [2.0, 1.0], **options) == pytest.approx(0.6)
    # Nesterov steps along gradient + 0.5 v: 2 + 1, then 1 + 0.5 * 2
    assert step(sgd, [2.0, 1.0], nesterov=True, **options) == pytest.approx(1 - 0.3 - 0.2)


def test_sgd_default_decay_by_hand() -> None:
    assert step(sgd, [0.0]) == pytest.approx(1 - 0.02 * 5e-4)


@pytest.mark.parametrize(
    ("words", "lr"),
    [
        ("model=lenet5", 0.02),
        ("model=alexnet model.norm=lrn", 0.02),  # it scales by neighbours, not to unit variance
        ("model=alexnet model.norm=batch", 0.05),
        ("model=mlp", 0.04),  # its own, whether it normalises or not
        ("model=mlp model.batch_norm=true", 0.04),
        ("model=plain20", 0.05),
        ("model=convnext_tiny", 0.05),  # layer norm
        ("model=lenet5_1998", 0.005),
        ("model=resnet20 optim.lr=0.1", 0.1),
        ("model=resnet20 optim=adam", 1e-3),
    ],
)
@pytest.mark.usefixtures("cnnlab")
def test_the_default_rate_is_the_networks_own(words: str, lr: float) -> None:
    assert compose(words.split()).optim["lr"] == lr


def test_adam_by_hand() -> None:
    """The first step is lr times the gradient's sign, whatever its size; L2 changes nothing."""
    assert step(adam, [5.0]) == pytest.approx(1 - 1e-3)
    assert step(adam, [5.0], weight_decay=0.1) == pytest.approx(1 - 1e-3)


def test_adamw_decays_apart_from_the_gradient() -> None:
    assert step(adamw, [5.0], weight_decay=0.1) == pytest.approx(1 - 1e-3 * 0.1 - 1e-3)


def test_rmsprop_by_hand() -> None:
    """The mean square begins at 0, so the first step is lr / sqrt(1 - alpha)."""
    assert step(rmsprop, [5.0], alpha=0.75) == pytest.approx(1 - 1e-3 / 0.5)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ValueError, match="nesterov=true needs momentum above 0"):
        step(sgd, [1.0], momentum=0.0, nesterov=True)


def weights_after(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(4):
        weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
        found.append(weight.detach().clone())
    return found


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_that_begins_at_zero_changes_no_bit(nesterov: bool) -> None:
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": nesterov}
    torchs, ours = (nn.Parameter(torch.linspace(-1, 1, 9)) for _ in range(2))
    plain = weights_after(torch.optim.SGD([torchs], fused=True, **options), torchs)
    assert all(map(torch.equal, plain, weights_after(sgd([ours], **options), ours)))


def test_a_skipped_first_float16_step_leaves_no_momentum() -> None:
    """Its gradients are infinite; unwritten memory would be the velocity of the second step."""
    weight = nn.Parameter(torch.ones(1000))
    optimizer = sgd([weight], momentum=0.9, weight_decay=0.0, lr=1.0)
    assert torch.equal(optimizer.state[weight]["momentum_buffer"], torch.zeros(1000))
    scaler = torch.amp.GradScaler("cpu", init_scale=3e38)
    for factor in (10.0, 0.0):  # the first overflows
        optimizer.zero_grad()
        scaler.scale((factor * weight).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert torch.equal(weight.detach(), torch.ones(1000))


@pytest.mark.parametrize("make", [sgd, rmsprop])
def test_momentum_may_begin_and_end_with_a_loaded_state(make) -> None:
    weight = nn.Parameter(torch.ones(3))
    before = make([weight], momentum=0.0, weight_decay=0.0)
    weights_after(before, weight)
    state = before.state_dict()
    for momentum in (0.5, 0.0):
        after = make([weight], momentum=momentum, weight_decay=0.0)
        state["param_groups"][0]["momentum"] = momentum
        after.load_state_dict(state)
        assert ("momentum_buffer" in after.state[weight]) == (momentum > 0)
        weights_after(after, weight)
        state = after.state_dict()
