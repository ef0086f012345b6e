"""Which of K classes an image belongs to, by cross entropy."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.registry import TASKS
from cnnlab.spec import ImageSpec
from cnnlab.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@TASKS.register("classify")
class Classify(Task):
    """Logits (N, K); the best epoch has the most right answers. The picture: who is taken for whom.

    ``test_macro_f1`` joins the result: the mean of the classes' own F1.
    """

    name = "classify"
    counts = ("acc",)
    metric = "val_acc"
    output = "logits"
    picture = "confusion"

    def output_shape(self, spec: ImageSpec, n: int) -> tuple[int, ...]:
        return n, spec.num_classes

    def criterion(self, loss: Mapping[str, Any], spec: ImageSpec, labels: Tensor) -> nn.Module:
        balanced = loss["class_weights"] == "balanced"
        weights = balanced_weights(labels, spec.num_classes) if balanced else None
        return ClassifyLoss(loss["label_smoothing"], weights)

    def scores(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        from sklearn.metrics import f1_score

        predicted = outputs.argmax(1).numpy()
        macro_f1 = f1_score(labels.numpy(), predicted, average="macro", zero_division=0)
        return {"test_macro_f1": float(macro_f1)}

    def draw(
        self,
        outputs: Tensor,
        pixels: Tensor,  # noqa: ARG002
        labels: Tensor,
        spec: ImageSpec,
        run: str,
    ) -> "Figure":
        from cnnlab.training.pictures.confusion import confusion_figure

        predicted = outputs.argmax(1).numpy()
        title = f"{run}: test set"
        return confusion_figure(labels.numpy(), predicted, spec.class_names, title=title)


class ClassifyLoss(nn.Module):
    """Cross entropy of logits (N, K), and the number of right answers.

    Label smoothing and class weights shape what is minimised (``train_loss``). Validation and
    test losses are the plain cross entropy, so that runs with different losses compare.

    Args:
        class_weights: float32 (K,), see ``balanced_weights``.
    """

    class_weights: Tensor | None

    def __init__(self, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights, persistent=False)

    @property
    def image_weights(self) -> Callable[[Tensor], Tensor] | None:
        """Gives the weight of each image (N,) from labels (N,); None where all weigh alike."""
        weights = self.class_weights
        return None if weights is None else lambda labels: weights[labels]

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
        loss = F.cross_entropy(
            outputs, targets, self.class_weights, label_smoothing=self.label_smoothing
        )
        return loss, [right]


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weight of each class, N / (K * images of the class): float32 (K,) from labels (N,).

    A class without training images weighs as if it had one.
    """
    images = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    return len(labels) / (num_classes * images.float())
