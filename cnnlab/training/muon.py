"""Muon: matrices step along the nearest orthogonal matrix of their momentum, the rest by SGD.

torch.optim.Muon takes matrices only and computes in bfloat16, which most CPUs emulate; here the
kernels of a convolution are the rows of one matrix, and a CPU computes in 32 bits.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import Tensor, nn, optim

from cnnlab.registry import OPTIMIZERS, Range
from cnnlab.training.param_groups import (
    LrFactors,
    NamedParameters,
    NoDecay,
    Positive,
    param_groups,
)

NON_NEGATIVE = Range(at_least=0)
DecayRate = Annotated[float, Range(at_least=0, below=1)]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan's quintic, which is steepest at 0
SMALLEST = 1e-7  # norm that a matrix is divided by


@OPTIMIZERS.register(
    "muon", paper="Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks"
)
def muon(
    params: Iterable[nn.Parameter],
    *,
    lr: Positive = 0.02,
    lr_factors: LrFactors = None,
    no_decay: NoDecay = (),
    momentum: DecayRate = 0.95,
    weight_decay: Annotated[float, NON_NEGATIVE] = 0.0,
    nesterov: bool = True,
    ns_steps: Annotated[int, Range(at_least=1, at_most=20)] = 5,
    normalize_weights: bool = False,
    sgd_lr: Positive = 0.05,
    sgd_momentum: DecayRate = 0.9,
    sgd_weight_decay: Annotated[float, NON_NEGATIVE] = 5e-4,
) -> optim.Optimizer:
    """Muon for weights of hidden layers, and SGD with Nesterov's momentum for all other parameters.

    Others are biases, normalisation and the last layer. The kernels of a convolution, (C', C, k,
    k), are a matrix (C', C k k).

    Args:
        lr: base learning rate of hidden layers' weights, the size of a step in the spectral norm,
            times the root of rows / columns where a matrix has more rows; the schedule multiplies
            it.
        lr_factors: factors on the learning rates, by globs that match parameter names:
            {classifier.*:10}; factors multiply where several globs match.
        no_decay: parameters without weight decay: bias, norm (of normalisation layers) or both.
        momentum: decay of hidden layers' velocity per optimiser step.
        weight_decay: fraction of each weight of hidden layers, times the learning rate, subtracted
            per optimiser step.
        nesterov: Nesterov's momentum for hidden layers.
        ns_steps: Newton-Schulz iterations, which make a matrix orthogonal.
        normalize_weights: scale each matrix before its step so that its rows have the mean square
            norm 1, as in Jordan's airbench94_muon.
        sgd_lr: base learning rate of all other parameters.
        sgd_momentum: decay of their velocity per optimiser step.
        sgd_weight_decay: coefficient of their L2 penalty, divided by their factor in lr_factors:
            how fast weights decay then does not depend on it.

    Raises:
        ValueError: no hidden layer has a weight.
    """
    matrices, others = [], []
    for group in param_groups(params, 1.0, lr_factors=lr_factors, no_decay=no_decay):
        hidden, rest = _split(group["params"], params)
        factor, is_decayed = group.get("lr", 1.0), "weight_decay" not in group
        decay = weight_decay if is_decayed else 0.0
        matrices.append({"params": hidden, "lr": lr * factor, "weight_decay": decay})
        decay = sgd_weight_decay / factor if is_decayed else 0.0
        others.append({"params": rest, "lr": sgd_lr * factor, "weight_decay": decay})
    matrices, others = ([g for g in groups if g["params"]] for groups in (matrices, others))
    if not matrices:
        raise ValueError("no layer before the last one has a matrix of weights; use optim=sgd")
    options = {
        "momentum": momentum,
        "nesterov": nesterov,
        "ns_steps": ns_steps,
        "normalize_weights": normalize_weights,
    }
    return MuonAndSGD(
        [{**group, **options} for group in matrices], others, sgd_momentum=sgd_momentum
    )


def _split(
    group: Iterable[nn.Parameter], params: Iterable[nn.Parameter]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters of a group that are weights of hidden layers, and the others."""
    head: set[nn.Parameter] = set()
    if isinstance(params, NamedParameters):
        head = {params.named[name] for name in params.head}
    hidden = {p for p in group if p.ndim > 1 and p not in head}
    return [p for p in group if p in hidden], [p for p in group if p not in hidden]


class MuonAndSGD(optim.Optimizer):
    """One optimiser, two rules: its first groups are stepped by Muon, those with ``fused`` by SGD.

    Args:
        matrices: groups of weights with every option of Muon.
        others: groups with a learning rate and a weight decay.
        sgd_momentum: theirs, Nesterov's.
    """

    def __init__(
        self,
        matrices: list[dict[str, Any]],
        others: list[dict[str, Any]],
        *,
        sgd_momentum: float,
    ) -> None:
        sgd_groups = []
        if others:
            nesterov = sgd_momentum > 0
            self._sgd = optim.SGD(
                others, lr=1.0, momentum=sgd_momentum, nesterov=nesterov, fused=True
            )
            sgd_groups = self._sgd.param_groups  # complete: every option of SGD
        super().__init__([*matrices, *sgd_groups], {})
        for group in self.param_groups:
            if group["momentum"]:
                for parameter in group["params"]:  # zeros: see optim.py
                    self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None
        sgd_groups = [group for group in self.param_groups if "fused" in group]
        for group in self.param_groups:
            if "fused" not in group:
                self._step_matrices(group)
        if sgd_groups:  # both may be other objects since a state was loaded
            self._sgd.param_groups, self._sgd.state = sgd_groups, self.state
            self._sgd.step()

    def _step_matrices(self, group: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            update = parameter.grad
            if momentum:
                velocity = self.state[parameter]["momentum_buffer"]
                velocity.lerp_(update, 1 - momentum)
                update = update.lerp(velocity, momentum) if group["nesterov"] else velocity
            rows = len(update)
            matrix = update.reshape(rows, -1)
            dtype = torch.bfloat16 if matrix.is_cuda else torch.float32
            with torch.autocast(matrix.device.type, enabled=False):
                step = orthogonalize(matrix, group["ns_steps"], dtype).to(parameter.dtype)
            if group["normalize_weights"]:
                parameter.mul_(rows**0.5 / parameter.norm())
            parameter.mul_(1 - lr * group["weight_decay"])
            scale = max(1.0, rows / matrix.shape[1]) ** 0.5
            parameter.add_(step.view(parameter.shape), alpha=-lr * scale)


def orthogonalize(matrix: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """Move the singular values of a matrix close to 1, to about 0.7 to 1.2, by Newton-Schulz.

    Args:
        matrix: (R, C).
        steps: iterations.
        dtype: computed in, and returned.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if is_tall else matrix).to(dtype)
    x = x / x.norm().clamp(min=SMALLEST)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if is_tall else x
