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

    In best.ckpt and load_run the weights are the average; training goes on beside it.

    Args:
        decay: share of the average that stays at each optimiser step.
        warmup: begin with a smaller decay, (1 + steps) / (10 + steps), so that short runs forget
            their first weights.
    """
    from cnnlab.training.weight_averaging import ExponentialAverage

    return ExponentialAverage(decay, warmup=warmup)


@CALLBACKS.register("swa", paper="Izmailov et al. 2018, Averaging weights leads to wider optima")
def swa(*, start: Annotated[float, Range(at_least=0, below=1)] = 0.75) -> Any:
    """Stochastic weight averaging: the mean over the last epochs' weights is validated and kept.

    In best.ckpt and load_run the weights are the mean, once there is one; statistics of batch norm
    are those of the mean on the training images. Best with a learning rate that stays high:
    schedule=constant.

    Args:
        start: share of the epochs after which the mean begins.
    """
    from cnnlab.training.weight_averaging import EpochAverage

    return EpochAverage(start)


@CALLBACKS.register("grad_norm")
def grad_norm() -> Any:
    """The L2 norm of all gradients before clipping: its mean and largest value of each epoch.

    They are the columns grad_norm and grad_norm_max of metrics.csv, and curves in TensorBoard.
    """
    from cnnlab.training.grad_norm import GradNorm

    return GradNorm()


@CALLBACKS.register("pictures")
def pictures(*, every: Annotated[int, Range(at_least=1)] = 1) -> Any:
    """A picture of the validation images after an epoch: a confusion matrix, or reconstructions.

    In the run's folder pictures/ and in the loggers.

    Args:
        every: epochs from one picture to the next; the first and the last are always drawn.
    """
    from cnnlab.training.epoch_pictures import EpochPictures

    return EpochPictures(every)
