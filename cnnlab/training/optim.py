"""Optimisers, registered: parameters come from the program, everything else is configuration.

All parameters form one group, so weight decay falls on biases and normalisation too, as in the
papers whose recipes are repeated here. ``backbone_lr`` is a factor on ``lr`` for everything but the
last layer, for weights that come trained. Fused: one kernel updates all parameters, which on a CPU
takes a quarter of the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from torch import nn, optim

from cnnlab.registry import OPTIMIZERS, Range

Rate = Annotated[float, Range(above=0)]
Decay = Annotated[float, Range(at_least=0)]
Share = Annotated[float, Range(at_least=0, below=1)]


@dataclass(frozen=True)
class HeadAndBackbone:
    """The parameters of a network's last layer, and those of all others."""

    head: list[nn.Parameter]
    backbone: list[nn.Parameter]


Parameters = Iterable[nn.Parameter] | HeadAndBackbone


def _groups(params: Parameters, lr: float, backbone_lr: float) -> list[dict[str, Any]]:
    """torch's parameter groups, the head's first."""
    if isinstance(params, HeadAndBackbone):
        return [{"params": params.head}, {"params": params.backbone, "lr": lr * backbone_lr}]
    if backbone_lr != 1:
        raise ValueError(f"backbone_lr={backbone_lr:g} needs head and backbone told apart")
    return [{"params": list(params)}]


@OPTIMIZERS.register(
    "sgd", paper="Sutskever et al. 2013, On the importance of initialization and momentum"
)
def sgd(
    params: Parameters,
    *,
    lr: Rate = 0.05,
    backbone_lr: Rate = 1.0,
    momentum: Share = 0.9,
    weight_decay: Decay = 5e-4,
    nesterov: bool = False,
) -> optim.Optimizer:
    """Stochastic gradient descent with momentum.

    Raises:
        ValueError: Nesterov's step without momentum.
    """
    if nesterov and momentum == 0:
        raise ValueError("nesterov=true needs momentum above 0, such as momentum=0.9")
    return optim.SGD(
        _groups(params, lr, backbone_lr),
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        nesterov=nesterov,
        fused=True,
    )


@OPTIMIZERS.register("adam", paper="Kingma & Ba 2015, Adam: a method for stochastic optimization")
def adam(
    params: Parameters,
    *,
    lr: Rate = 1e-3,
    backbone_lr: Rate = 1.0,
    beta1: Share = 0.9,
    beta2: Share = 0.999,
    eps: Rate = 1e-8,
    weight_decay: Decay = 0.0,
) -> optim.Optimizer:
    """Adam; its weight decay is an L2 penalty, scaled like every other gradient."""
    return optim.Adam(
        _groups(params, lr, backbone_lr),
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        fused=True,
    )


@OPTIMIZERS.register(
    "adamw", paper="Loshchilov & Hutter 2019, Decoupled weight decay regularization"
)
def adamw(
    params: Parameters,
    *,
    lr: Rate = 1e-3,
    backbone_lr: Rate = 1.0,
    beta1: Share = 0.9,
    beta2: Share = 0.999,
    eps: Rate = 1e-8,
    weight_decay: Decay = 1e-2,
) -> optim.Optimizer:
    """Adam with decoupled weight decay."""
    return optim.AdamW(
        _groups(params, lr, backbone_lr),
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        fused=True,
    )


@OPTIMIZERS.register("rmsprop", paper="Tieleman & Hinton 2012, Lecture 6.5")
def rmsprop(
    params: Parameters,
    *,
    lr: Rate = 1e-3,
    backbone_lr: Rate = 1.0,
    alpha: Share = 0.9,
    eps: Rate = 1e-8,
    momentum: Share = 0.0,
    weight_decay: Decay = 0.0,
) -> optim.Optimizer:
    """RMSprop: the gradient over the root of its mean square, decaying by ``alpha`` a step."""
    return optim.RMSprop(
        _groups(params, lr, backbone_lr),
        lr=lr,
        alpha=alpha,
        eps=eps,
        momentum=momentum,
        weight_decay=weight_decay,
    )
