"""Running a model without changing it: eval mode for a while, and an image to run it on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cnnlab.spec import ImageSpec


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; afterwards every module is in its previous mode again."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def blank_image(model: nn.Module, spec: ImageSpec) -> Tensor:
    """One image of zeros on the model's device. (1, C, H, W)"""
    parameter = next(model.parameters(), None)
    return torch.zeros(1, *spec.shape, device="cpu" if parameter is None else parameter.device)
