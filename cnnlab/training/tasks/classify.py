"""Which of K classes an image belongs to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.config.schema import build
from cnnlab.explain.answers.confusion import macro_f1
from cnnlab.registry import LOSSES, TASKS
from cnnlab.runs.mistakes import confidences, most_confident_mistakes, write_mistakes
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@TASKS.register("classify")
class Classify(Task):
    """Logits (N, K); the best epoch has the most right answers. The picture: who is taken for whom.

    ``test_macro_f1`` joins the result: the mean of the classes' own F1. The
    most confident mistakes are kept as ``mistakes.npz``.
    """

    name = "classify"
    counts = ("acc",)
    metric = "val_acc"
    output = "logits"
    picture = "confusion"
    draws_pixels = False

    def output_shape(self, spec: ImageSpec, n: int) -> tuple[int, ...]:
        return n, spec.num_classes

    def criterion(self, loss: Mapping[str, Any], spec: ImageSpec, labels: Tensor) -> nn.Module:
        return ClassifyLoss(build(LOSSES, loss, spec, labels))

    def scores(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        return {"test_macro_f1": macro_f1(labels.numpy(), outputs.argmax(1).numpy())}

    def draw(
        self,
        outputs: Tensor,
        pixels: Tensor,  # noqa: ARG002
        labels: Tensor,
        spec: ImageSpec,
        title: str,
    ) -> "Figure":
        from cnnlab.training.pictures.confusion import confusion_figure

        predicted = outputs.argmax(1).numpy()
        return confusion_figure(labels.numpy(), predicted, spec.class_names, title=title)

    def written(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return torch.from_numpy(most_confident_mistakes(outputs.numpy(), labels.numpy()))

    def write(
        self, folder: Path, outputs: Tensor, pixels: Tensor, labels: Tensor, index: Tensor
    ) -> None:
        """``mistakes.npz``: the most confident mistakes, with their pictures."""
        logits = outputs.numpy()
        write_mistakes(
            RunDir(folder).mistakes_file,
            pixels.numpy(),
            labels.numpy(),
            logits.argmax(1),
            confidences(logits),
            index.numpy(),
        )


class ClassifyLoss(nn.Module):
    """The chosen loss of logits (N, K), and the number of right answers.

    The loss is what is minimised (``train_loss``). Validation and test losses are the plain cross
    entropy, so that runs with different losses compare.

    Args:
        loss: a component of ``LOSSES``.
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    @property
    def image_weights(self) -> Callable[[Tensor], Tensor] | None:
        """The loss's own; None where all images weigh alike."""
        weights: Callable[[Tensor], Tensor] | None = getattr(self.loss, "image_weights", None)
        return weights

    def forward(
        self,
        outputs: Tensor,
        inputs: Tensor,  # noqa: ARG002
        targets: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """``targets`` are classes (N,), or their shares (N, K) of mixed images, whose answer is
        right when it names the larger share.
        """
        classes = targets.argmax(1) if targets.is_floating_point() else targets
        right = (outputs.argmax(1) == classes).sum()
        if not self.training:
            return F.cross_entropy(outputs.float(), targets), [right]
        return self.loss(outputs, targets), [right]
