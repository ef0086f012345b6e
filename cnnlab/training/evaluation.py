"""What validation and test measure: means of loss and counts, and the config's extra metrics."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.data.loading.test_time import mean_over_views
from cnnlab.training.running_means import RunningMeans


class Evaluation:
    """Sums over the batches since ``reset``, which wait for the device only in ``columns``.

    Args:
        counts: names of the task's counts, ``acc`` and so on.
        metrics: what is measured beside loss and counts.
        tta: test-time augmentation, as ``trainer.tta``.
    """

    def __init__(self, counts: Sequence[str], metrics: ExtraMetrics, tta: str = "none") -> None:
        self.counts, self.metrics, self.tta = tuple(counts), metrics, tta
        self._batches: list[tuple[Tensor, int]] = []

    @property
    def images(self) -> int:
        """Images since ``reset``."""
        return sum(images for _, images in self._batches)

    def reset(self) -> None:
        """Start an evaluation."""
        self._batches.clear()
        self.metrics.reset()

    def outputs(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """What is evaluated of normalised images (N, C, H, W): the mean over their views.

        A compiled network would be compiled again for each size of batch, so it runs as it is.
        """
        is_compiled = getattr(network, "is_compiled", False)
        with torch.compiler.set_stance("force_eager") if is_compiled else nullcontext():
            return mean_over_views(network, inputs, self.tta)

    def update(self, loss: Tensor, counts: Sequence[Tensor], outputs: Tensor, y: Tensor) -> None:
        """Add a batch.

        Args:
            loss: the mean over the batch, ().
            counts: each (), summed over the batch.
            outputs: (N, ...).
            y: targets (N,).
        """
        self._batches.append((torch.stack([loss, *counts]), len(outputs)))
        self.metrics.update(outputs, y)

    def columns(self, split: str) -> dict[str, float]:
        """``{"val_loss": 0.1, "val_acc": 0.97}``: the means since ``reset``."""
        means = RunningMeans(("loss", *self.counts))
        for values, images in self._batches:
            means.add(values.tolist(), images)
        return means.means(split) | self.metrics.columns(split)
