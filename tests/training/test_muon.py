"""Muon against torch.optim.Muon on matrices, kernels flattened, and SGD for all else."""

import pytest
import torch
from torch import nn

from cnnlab.app.compose import compose
from cnnlab.registry import CnnlabError
from cnnlab.training import muon as module
from cnnlab.training.assemble import assemble
from cnnlab.training.muon import muon, orthogonalize
from cnnlab.training.param_groups import trained_parameters

OPTIONS = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 40, 3), nn.BatchNorm2d(40), nn.Flatten(), nn.Linear(40, 4))


def named(model: nn.Module):
    return trained_parameters(model, frozenset({"3.weight", "3.bias"}))


def step_both(ours: torch.optim.Optimizer, pairs) -> None:
    """Give both sides the same gradients and let ours step; ``pairs`` are theirs and ours."""
    for theirs, parameter in pairs:
        parameter.grad = torch.randn(parameter.shape)
        theirs.grad = parameter.grad.reshape(theirs.shape).clone()
    ours.step()


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", [(40, 3, 3, 3), (6, 5, 3, 3)])  # more rows, more columns
def test_a_kernel_steps_as_torchs_muon_on_the_matrix(shape, nesterov, monkeypatch) -> None:
    def in_bfloat16(matrix, steps, _):  # as torch computes
        return orthogonalize(matrix, steps, torch.bfloat16)

    monkeypatch.setattr(module, "orthogonalize", in_bfloat16)
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(shape))
    matrix = nn.Parameter(kernel.detach().reshape(shape[0], -1).clone())
    ours = muon([kernel], nesterov=nesterov, **OPTIONS)
    theirs = torch.optim.Muon([matrix], nesterov=nesterov, **OPTIONS)
    for _ in range(3):
        step_both(ours, [(matrix, kernel)])
        theirs.step()
        torch.testing.assert_close(kernel.detach().flatten(1), matrix.detach())


def test_a_cpu_computes_in_32_bits_and_agrees() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(8, 30)
    exact = orthogonalize(matrix, 5, torch.float32)
    assert exact.dtype == torch.float32
    values = torch.linalg.svdvals(exact)
    assert values.min() > 0.6
    assert values.max() < 1.3
    torch.testing.assert_close(
        exact, orthogonalize(matrix, 5, torch.bfloat16).float(), atol=0.03, rtol=0.1
    )
    assert torch.equal(orthogonalize(matrix.T, 5, torch.float32), exact.T)


def test_all_else_steps_by_sgd() -> None:
    model = network()
    optimizer = muon(
        named(model),
        lr=0.1,
        lr_factors={"3.*": 10.0},
        sgd_lr=0.2,
        sgd_momentum=0.8,
        sgd_weight_decay=0.01,
    )
    ours = [model[0].bias, model[1].weight, model[1].bias, *model[3].parameters()]
    theirs = [nn.Parameter(parameter.detach().clone()) for parameter in ours]
    rest, head = theirs[:3], theirs[3:]
    sgd = torch.optim.SGD(
        [
            {"params": rest, "lr": 0.2, "weight_decay": 0.01},
            {"params": head, "lr": 2.0, "weight_decay": 0.001},
        ],
        momentum=0.8,
        nesterov=True,
    )
    for _ in range(3):
        model[0].weight.grad = torch.randn(40, 3, 3, 3)
        step_both(optimizer, list(zip(theirs, ours, strict=True)))
        sgd.step()
        for expected, found in zip(theirs, ours, strict=True):
            torch.testing.assert_close(found, expected)


def test_rows_get_the_mean_square_norm_of_1_before_the_step() -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(5 * torch.randn(6, 5, 3, 3))
    kernel.grad = torch.zeros_like(kernel)
    muon([kernel], normalize_weights=True).step()
    assert kernel.detach().flatten(1).square().sum(1).mean().item() == pytest.approx(1)


def test_a_loaded_state_is_stepped_on() -> None:
    def trained(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            torch.manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape)
            optimizer.step()

    whole, halved = network(), network()
    optimizer = muon(named(whole), **OPTIONS)
    trained(whole, optimizer, range(4))
    first = muon(named(halved), **OPTIONS)
    trained(halved, first, range(2))
    second = muon(named(halved), **OPTIONS)
    second.load_state_dict(first.state_dict())
    trained(halved, second, range(2, 4))
    for expected, found in zip(whole.parameters(), halved.parameters(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.usefixtures("cnnlab")
def test_the_last_layer_is_not_a_hidden_one() -> None:
    parts = assemble(compose(["model=mlp", "optim=muon"], preflight=False), "meta")
    hidden, rest = parts.optimizer.param_groups
    assert [p.ndim for p in hidden["params"]] == [2, 2]
    assert sorted(p.ndim for p in rest["params"]) == [1, 1, 1, 2]
    assert (hidden["lr"], rest["lr"]) == (0.02, 0.05)
    with pytest.raises(CnnlabError, match="no layer before the last one has a matrix of weights"):
        assemble(compose(["model=mlp", "model.hidden=[]", "optim=muon"], preflight=False), "meta")
