"""Learning without labels: the pixels themselves are the answer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.data.loading.chunks import Position
from cnnlab.spec import ImageSpec
from cnnlab.training.chunked_task import ChunkedTask
from cnnlab.training.schedule import Schedule


class ReconstructTask(ChunkedTask):
    """Reconstruction by mean squared error, per pixel and channel, of pixels in 0..1.

    The network sees normalised images, as every other, and answers in pixels. Augmented training
    images are to be reconstructed as augmented.

    Args:
        spec: whose ``mean`` and ``std`` the inputs were normalised by.

    Attributes:
        num_tested: images, after testing.
    """

    mean: Tensor  # (C, 1, 1)
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: Schedule,
        position: Position,
        spec: ImageSpec,
        *,
        seed: int,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(
            model, optimizer, schedule, position, seed=seed, gradient_clip=gradient_clip
        )
        mean, std = spec.mean or (0.0,) * spec.channels, spec.std or (1.0,) * spec.channels
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def loss_and_counts(
        self,
        outputs: Tensor,
        inputs: Tensor,
        targets: Tensor,  # noqa: ARG002
    ) -> tuple[Tensor, list[Tensor]]:
        """The error of outputs (N, C, H, W) in 0..1 against normalised inputs (N, C, H, W)."""
        pixels = inputs * self.std + self.mean
        return F.mse_loss(outputs.float(), pixels), []

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.num_tested = sum(images for _, images in self._evaluated)
