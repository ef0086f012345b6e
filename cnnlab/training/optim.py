"""The registered optimisers: the program passes the parameters, all else is configuration.

``param_groups`` makes the groups that learning rates and weight decay differ by. Fused: one kernel
updates all parameters, which on a CPU takes a quarter of the time.
"""

from collections.abc import Iterable
from typing import Annotated

import torch
from torch import nn, optim

from cnnlab.registry import OPTIMIZERS, Range
from cnnlab.training.param_groups import (
    NORMALIZATION,
    LrFactors,
    NoDecay,
    Positive,
    param_groups,
)

Parameters = Iterable[nn.Parameter]
WeightDecay = Annotated[float, Range(at_least=0)]
DecayRate = Annotated[float, Range(at_least=0, below=1)]

# SGD's default rates, and the sweep that they were chosen by: experiments/defaults
SGD_LR, SGD_LR_NORMALIZED = 0.02, 0.05


def _with_momentum(optimizer: optim.Optimizer) -> optim.Optimizer:
    """The optimiser with its momentum as zeros, now and where a state without is loaded."""
    _fill_momentum(optimizer)
    optimizer.register_load_state_dict_post_hook(_fill_momentum)
    return optimizer


def _fill_momentum(optimizer: optim.Optimizer) -> None:
    """Give every parameter the momentum buffer that its group asks for, and no other.

    torch's fused SGD makes buffers of unwritten memory at the first step, and leaves them so where
    that step is skipped, its float16 gradients being infinite. Zeros give the same first step.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if not group["momentum"]:
                state.pop("momentum_buffer", None)
            elif state.get("momentum_buffer") is None and (
                state or isinstance(optimizer, optim.SGD)
            ):
                # RMSprop makes a whole state of zeros where there is none
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def sgd_lr(network: nn.Module) -> float:
    """SGD's default learning rate: higher where normalisation keeps the scale of activations."""
    normalizes = any(isinstance(layer, NORMALIZATION) for layer in network.modules())
    return SGD_LR_NORMALIZED if normalizes else SGD_LR


@OPTIMIZERS.register(
    "sgd", paper="Sutskever et al. 2013, On the importance of initialization and momentum"
)
def sgd(
    params: Parameters,
    *,
    lr: Positive | None = None,
    backbone_lr: Positive = 1.0,
    lr_factors: LrFactors = None,
    no_decay: NoDecay = (),
    momentum: DecayRate = 0.9,
    weight_decay: WeightDecay = 5e-4,
    nesterov: bool = False,
) -> optim.Optimizer:
    """Stochastic gradient descent with momentum.

    Args:
        lr: base learning rate; the schedule multiplies it. null: the model's own if it has one,
            else 0.05 for a network with batch, layer, group or instance norm, 0.02 for any other.
        backbone_lr: factor on ``lr`` for all parameters but the last layer's, for pretrained
            weights.
        lr_factors: factors on ``lr``, by globs that match parameter names: {features.*:0.1};
            factors multiply where several globs match.
        no_decay: parameters without weight decay: bias, norm (of normalisation layers) or both.
        momentum: decay of the velocity per optimiser step; 0 is off.
        weight_decay: coefficient of the L2 penalty, added to the gradient.
        nesterov: Nesterov's momentum.

    Raises:
        ValueError: Nesterov's momentum with momentum=0.
    """
    if nesterov and momentum == 0:
        raise ValueError("nesterov=true needs momentum above 0, such as momentum=0.9")
    if lr is None:
        lr = SGD_LR
    optimizer = optim.SGD(
        param_groups(params, lr, backbone_lr=backbone_lr, lr_factors=lr_factors, no_decay=no_decay),
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        nesterov=nesterov,
        fused=True,
    )
    return _with_momentum(optimizer)


@OPTIMIZERS.register("adam", paper="Kingma & Ba 2015, Adam: a method for stochastic optimization")
def adam(
    params: Parameters,
    *,
    lr: Positive = 1e-3,
    backbone_lr: Positive = 1.0,
    lr_factors: LrFactors = None,
    no_decay: NoDecay = (),
    beta1: DecayRate = 0.9,
    beta2: DecayRate = 0.999,
    eps: Positive = 1e-8,
    weight_decay: WeightDecay = 0.0,
) -> optim.Optimizer:
    """Adam, with weight decay as an L2 penalty.

    Args:
        lr: base learning rate; the schedule multiplies it.
        backbone_lr: factor on ``lr`` for all parameters but the last layer's, for pretrained
            weights.
        lr_factors: factors on ``lr``, by globs that match parameter names: {features.*:0.1};
            factors multiply where several globs match.
        no_decay: parameters without weight decay: bias, norm (of normalisation layers) or both.
        beta1: decay of the gradient's running mean per optimiser step.
        beta2: decay of the squared gradient's running mean per optimiser step.
        eps: added to the denominator.
        weight_decay: coefficient of the L2 penalty, added to the gradient and so rescaled with it.
    """
    return optim.Adam(
        param_groups(params, lr, backbone_lr=backbone_lr, lr_factors=lr_factors, no_decay=no_decay),
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
    lr: Positive = 1e-3,
    backbone_lr: Positive = 1.0,
    lr_factors: LrFactors = None,
    no_decay: NoDecay = (),
    beta1: DecayRate = 0.9,
    beta2: DecayRate = 0.999,
    eps: Positive = 1e-8,
    weight_decay: WeightDecay = 1e-2,
) -> optim.Optimizer:
    """Adam with decoupled weight decay.

    Args:
        lr: base learning rate; the schedule multiplies it.
        backbone_lr: factor on ``lr`` for all parameters but the last layer's, for pretrained
            weights.
        lr_factors: factors on ``lr``, by globs that match parameter names: {features.*:0.1};
            factors multiply where several globs match.
        no_decay: parameters without weight decay: bias, norm (of normalisation layers) or both.
        beta1: decay of the gradient's running mean per optimiser step.
        beta2: decay of the squared gradient's running mean per optimiser step.
        eps: added to the denominator.
        weight_decay: fraction of each weight, times the learning rate, subtracted per optimiser
            step.
    """
    return optim.AdamW(
        param_groups(params, lr, backbone_lr=backbone_lr, lr_factors=lr_factors, no_decay=no_decay),
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
    lr: Positive = 1e-3,
    backbone_lr: Positive = 1.0,
    lr_factors: LrFactors = None,
    no_decay: NoDecay = (),
    alpha: DecayRate = 0.9,
    eps: Positive = 1e-8,
    momentum: DecayRate = 0.0,
    weight_decay: WeightDecay = 0.0,
) -> optim.Optimizer:
    """RMSprop: the gradient divided by the root of its running mean square.

    Args:
        lr: base learning rate; the schedule multiplies it.
        backbone_lr: factor on ``lr`` for all parameters but the last layer's, for pretrained
            weights.
        lr_factors: factors on ``lr``, by globs that match parameter names: {features.*:0.1};
            factors multiply where several globs match.
        no_decay: parameters without weight decay: bias, norm (of normalisation layers) or both.
        alpha: decay of the running mean square per optimiser step.
        eps: added to the denominator.
        momentum: decay of the velocity per optimiser step; 0 is off.
        weight_decay: coefficient of the L2 penalty, added to the gradient.
    """
    optimizer = optim.RMSprop(
        param_groups(params, lr, backbone_lr=backbone_lr, lr_factors=lr_factors, no_decay=no_decay),
        lr=lr,
        alpha=alpha,
        eps=eps,
        momentum=momentum,
        weight_decay=weight_decay,
    )
    return _with_momentum(optimizer)
