"""Several classifiers as one network, whose answer is the mean of their probabilities."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean probability of several classifiers (soft vote).  (N, C, H, W) -> (N, K)

    What it returns are logarithms: softmax makes the mean probability of them, and the
    cross-entropy of them is that of the mean probability.

    Args:
        models: classifiers of the same images and classes, which return logits (N, K).

    Raises:
        ValueError: there is no model.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        if not models:
            raise ValueError("an ensemble needs at least one model")
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        each = torch.stack([model(x).float().log_softmax(1) for model in self.models])
        return each.logsumexp(0) - math.log(len(self.models))  # (N, K)
