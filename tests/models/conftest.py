"""Counting what a model costs, without allocating it."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.spec import ImageSpec

Cost = Callable[[Callable[[ImageSpec], nn.Module], ImageSpec], tuple[int, int]]


@pytest.fixture
def cost() -> Cost:
    """(parameters, MACs of one image) of the model that a function builds for a spec."""

    def count(build: Callable[[ImageSpec], nn.Module], spec: ImageSpec) -> tuple[int, int]:
        with torch.device("meta"):
            model = build(spec).eval()
            image = torch.empty(1, *spec.shape)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(image)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return parameters, counter.get_total_flops() // 2

    return count
