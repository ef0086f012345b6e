"""What a network costs: its parameters, and its multiply-adds for one image."""

from dataclasses import dataclass

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.explain.eval_mode import blank_image, eval_mode
from cnnlab.spec import ImageSpec


@dataclass(frozen=True)
class Cost:
    """The size and the cost of a network.

    Attributes:
        params: number of parameters, trained or frozen, shared ones once.
        macs: multiply-adds of convolutions and matrix products for one image. Biases, pooling,
            normalisation and activations are not counted, as is usual in papers.
    """

    params: int
    macs: int


def count(model: nn.Module, spec: ImageSpec) -> Cost:
    """Count by one forward pass of one image in eval mode, on the model's own device.

    A model created under ``torch.device("meta")`` is counted without computing anything. The
    model's modules keep their training modes.
    """
    counter = FlopCounterMode(display=False)
    with eval_mode(model), counter:
        model(blank_image(model, spec))
    # torch counts a multiply-add as two operations.
    return Cost(sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2)
