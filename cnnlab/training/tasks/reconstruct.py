"""Learning without labels: the pixels themselves are the answer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.registry import TASKS, CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@TASKS.register("reconstruct")
class Reconstruct(Task):
    """Pixels (N, C, H, W) in 0..1; the best epoch errs least. The picture: some test images."""

    name = "reconstruct"
    output = "pixels"
    max_kept = 20
    picture = "reconstructions"

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse what has a meaning for classes alone.

        Raises:
            CnnlabError: an option asks for classes.
        """
        augment = config["data"].get("augment") or {}
        values = {
            "loss.label_smoothing": config["loss"]["label_smoothing"],
            "loss.class_weights": config["loss"]["class_weights"],
            "data.augment.mixup": augment.get("mixup"),
            "data.augment.cutmix": augment.get("cutmix"),
            "trainer.checkpoint": config["trainer"]["checkpoint"],
            "schedule.metric": config["schedule"].get("metric"),
        }
        for key, value in values.items():
            if value not in (0, "none", "auto", "last", "val_loss", None):
                name = config["model"]["name"]
                raise CnnlabError(
                    f"{key}={value}: model={name} reconstructs pixels, without classes"
                )

    def output_shape(self, spec: ImageSpec, n: int) -> tuple[int, ...]:
        return n, *spec.shape

    def criterion(
        self,
        loss: Mapping[str, Any],  # noqa: ARG002
        spec: ImageSpec,
        labels: Tensor,  # noqa: ARG002
    ) -> nn.Module:
        return ReconstructLoss(spec)

    def draw(
        self,
        outputs: Tensor,
        pixels: Tensor,
        labels: Tensor,  # noqa: ARG002
        spec: ImageSpec,  # noqa: ARG002
        run: str,
    ) -> "Figure":
        from cnnlab.training.pictures.reconstructions import reconstruction_figure

        return reconstruction_figure(pixels.numpy() / np.float32(255), outputs.numpy(), run)


class ReconstructLoss(nn.Module):
    """Mean squared error, per pixel and channel, of pixels in 0..1.

    The network sees normalised images, as every other, and answers in pixels. Augmented training
    images are to be reconstructed as augmented.

    Args:
        spec: whose ``mean`` and ``std`` the inputs were normalised by.
    """

    mean: Tensor  # (C, 1, 1)
    std: Tensor

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        for name, values in zip(("mean", "std"), spec.normalisation(), strict=True):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def forward(
        self,
        outputs: Tensor,
        inputs: Tensor,
        targets: Tensor,  # noqa: ARG002
    ) -> tuple[Tensor, list[Tensor]]:
        """The error of outputs (N, C, H, W) in 0..1 against normalised inputs (N, C, H, W)."""
        pixels = inputs * self.std + self.mean
        return F.mse_loss(outputs.float(), pixels), []
