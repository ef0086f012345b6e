"""Callbacks, registered: ``callbacks=[ema,grad_norm]``, ``callbacks.ema.decay=0.99``.

Lightning is imported when a run begins, so that names and options are known without it. How one of
your own is written: ``callbacks.py``.
"""

from typing import Annotated, Any

from cnnlab.registry import CALLBACKS, Range


@CALLBACKS.register(
    "ema", paper="Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging"
)
def ema(*, decay: Annotated[float, Range(at_least=0, below=1)] = 0.999, warmup: bool = True) -> Any:
    """An exponential moving average of the weights, which is validated, kept and tested.

    best.ckpt and load_run hold the averaged weights; training itself continues without them.

    Args:
        decay: fraction of the average that is kept at each optimiser step.
        warmup: begin with a smaller decay, (1 + steps) / (10 + steps), so that short runs forget
            their first weights.
    """
    from cnnlab.training.weight_averaging import ExponentialAverage

    return ExponentialAverage(decay, warmup=warmup)


@CALLBACKS.register(
    "swa", paper="Izmailov et al. 2018, Averaging weights leads to wider optima", version=2
)
def swa(*, start: Annotated[float, Range(at_least=0, below=1)] = 0.75) -> Any:
    """Stochastic weight averaging: the mean over the last epochs' weights is validated and kept.

    best.ckpt and load_run hold the averaged weights, once there are any; batch norm statistics are
    recomputed for them on all training images. Best with a learning rate that stays high:
    schedule=constant.

    Args:
        start: fraction of the epochs after which averaging begins.
    """
    from cnnlab.training.weight_averaging import EpochAverage

    return EpochAverage(start)


@CALLBACKS.register(
    "lookahead", paper="Zhang et al. 2019, Lookahead optimizer: k steps forward, 1 step back"
)
def lookahead(
    *,
    every: Annotated[int, Range(at_least=1)] = 5,
    alpha: Annotated[float, Range(above=0, at_most=1)] = 0.5,
) -> Any:
    """Slow weights that follow the trained ones, which restart from them every few steps.

    The slow weights are what is validated, kept and tested.

    Args:
        every: optimiser steps between two moves of the slow weights, k in the paper.
        alpha: fraction of the way to the trained weights by which the slow ones move.
    """
    from cnnlab.training.lookahead import Lookahead

    return Lookahead(every, alpha)


@CALLBACKS.register("grad_norm")
def grad_norm() -> Any:
    """The L2 norm of all gradients before clipping: its mean and maximum in each epoch.

    They are the columns grad_norm and grad_norm_max of metrics.csv, and curves in TensorBoard.
    """
    from cnnlab.training.grad_norm import GradNorm

    return GradNorm()


@CALLBACKS.register("pictures")
def pictures(*, every: Annotated[int, Range(at_least=1)] = 1) -> Any:
    """A picture of the validation images after an epoch: a confusion matrix, or reconstructions.

    In the run's folder pictures/ and in the loggers.

    Args:
        every: epochs between pictures; the first and the last epoch are always drawn. Instead of
            an epoch without validation, the next validated one is.
    """
    from cnnlab.training.epoch_pictures import EpochPictures

    return EpochPictures(every)
