"""Learning without labels: the pixels themselves are the answer."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.config.schema import build
from cnnlab.registry import LOSSES, TASKS, CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@TASKS.register("reconstruct")
class Reconstruct(Task):
    """Pixels (N, C, H, W) in 0..1; the best epoch errs least. The picture: some test images."""

    name = "reconstruct"
    loss = "mse"
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
            "loss.label_smoothing": config["loss"].get("label_smoothing"),
            "loss.class_weights": config["loss"].get("class_weights"),
            "data.augment.mixup": augment.get("mixup"),
            "data.augment.cutmix": augment.get("cutmix"),
            "trainer.checkpoint": config["trainer"]["checkpoint"],
            "trainer.tta": config["trainer"]["tta"],
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
        loss: Mapping[str, Any],
        spec: ImageSpec,
        labels: Tensor,
    ) -> nn.Module:
        if loss["name"] == self.loss:
            return ReconstructLoss(spec)
        return ReconstructLoss(spec, build(LOSSES, loss, spec, labels))

    def draw(
        self,
        outputs: Tensor,
        pixels: Tensor,
        labels: Tensor,  # noqa: ARG002
        spec: ImageSpec,  # noqa: ARG002
        title: str,
    ) -> "Figure":
        from cnnlab.training.pictures.reconstructions import reconstruction_figure

        return reconstruction_figure(pixels.numpy() / np.float32(255), outputs.numpy(), title)


class ReconstructLoss(nn.Module):
    """Mean squared error, per pixel and channel, of pixels in 0..1, or another loss of them.

    The network sees normalised images, as every other, and answers in pixels. Augmented training
    images are to be reconstructed as augmented. Validation and test losses are the mean squared
    error, whatever is minimised.

    Args:
        spec: whose ``mean`` and ``std`` the inputs were normalised by.
        loss: what is minimised of outputs and pixels; None: the mean squared error.
    """

    mean: Tensor  # (C, 1, 1)
    std: Tensor

    def __init__(
        self, spec: ImageSpec, loss: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.loss = loss
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
        if self.loss is not None and self.training:
            return self.loss(outputs.float(), pixels), []
        return F.mse_loss(outputs.float(), pixels), []
