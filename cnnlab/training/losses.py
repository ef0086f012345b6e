"""The registered losses of classifiers: what training minimises, ``loss=focal loss.gamma=2``.

Your own is called with the data set's ``ImageSpec`` and the labels of the training images, int64
(N,), and then with logits (N, K) and targets; it returns the mean over the batch, (). Targets are
classes, int64 (N,), or with mixup and cutmix the shares of the classes, float32 (N, K)::

    @LOSSES.register("margin")
    class MarginLoss(nn.Module):
        def __init__(self, spec: ImageSpec, labels: Tensor, *, margin: float = 1.0) -> None: ...

A loss of another task is registered with its name, ``task="reconstruct"``, and is called with what
that task compares: reconstructed pixels and the pixels. One whose mean is weighted has an attribute
``image_weights``, see ``Task.criterion``.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.registry import LOSSES, Range
from cnnlab.spec import ImageSpec

LabelSmoothing = Annotated[float, Range(at_least=0, below=1)]
ClassWeights = Literal["none", "balanced"]
SMALLEST = 1e-12  # of 1 - p: below, a power of it has no finite gradient


class WeightedLoss(nn.Module):
    """A loss with smoothed targets and a weight for each class.

    Args:
        label_smoothing: fraction of the target, 0 to 1, spread evenly over all classes.
        class_weights: balanced weights each class by n / (K * n_class) in the loss, where n_class
            of the n training images belong to it.
    """

    class_weights: Tensor | None  # float32 (K,)

    def __init__(
        self,
        spec: ImageSpec,
        labels: Tensor,
        *,
        label_smoothing: LabelSmoothing = 0.0,
        class_weights: ClassWeights = "none",
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        is_balanced = class_weights == "balanced"
        weights = balanced_weights(labels, spec.num_classes) if is_balanced else None
        self.register_buffer("class_weights", weights, persistent=False)

    @property
    def image_weights(self) -> Callable[[Tensor], Tensor] | None:
        """Gives the weight of each image (N,) from labels (N,); None where all weigh alike."""
        weights = self.class_weights
        return None if weights is None else lambda labels: weights[labels]

    def shares(self, targets: Tensor, num_classes: int) -> Tensor:
        """What is to be answered: the smoothed shares of the classes, (N, K)."""
        shares = targets
        if not targets.is_floating_point():  # F.one_hot waits for the device, to check them
            classes = torch.arange(num_classes, device=targets.device)
            shares = (targets.unsqueeze(1) == classes).float()
        return shares * (1 - self.label_smoothing) + self.label_smoothing / num_classes

    def mean(self, losses: Tensor, targets: Tensor) -> Tensor:
        """The mean of weighted losses (N,): of classes by their weights' sum, as torch has it."""
        if self.class_weights is None or targets.is_floating_point():
            return losses.mean()
        return losses.sum() / self.class_weights[targets].sum()


@LOSSES.register("cross_entropy")
class CrossEntropy(WeightedLoss):
    """Cross entropy of the softmax probabilities.  logits (N, K), targets -> ()"""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.class_weights is None or not self.label_smoothing:
            return F.cross_entropy(
                logits, targets, self.class_weights, label_smoothing=self.label_smoothing
            )
        # torch 2.11's own waits for the device here, to count targets that are ignored
        log_p = logits.float().log_softmax(1)
        losses = -self.shares(targets, logits.shape[1]) * self.class_weights * log_p
        return self.mean(losses.sum(1), targets)


@LOSSES.register("focal", paper="Lin et al. 2017, Focal loss for dense object detection")
class Focal(WeightedLoss):
    """Cross entropy times (1 - p)^gamma: images that are already classified well count less.

    Of each class, with p its probability; class_weights are the paper's alpha.
    logits (N, K), targets -> ()

    Args:
        gamma: the focusing parameter; 0 is the cross entropy.
    """

    def __init__(
        self,
        spec: ImageSpec,
        labels: Tensor,
        *,
        gamma: Annotated[float, Range(at_least=0)] = 2.0,
        label_smoothing: LabelSmoothing = 0.0,
        class_weights: ClassWeights = "none",
    ) -> None:
        super().__init__(spec, labels, label_smoothing=label_smoothing, class_weights=class_weights)
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.float().log_softmax(1)
        wrong = (-torch.expm1(log_p)).clamp(min=SMALLEST)  # 1 - p
        losses = -self.shares(targets, logits.shape[1]) * wrong**self.gamma * log_p
        if self.class_weights is not None:
            losses = losses * self.class_weights
        return self.mean(losses.sum(1), targets)


@LOSSES.register("mse")
class MeanSquaredError(WeightedLoss):
    """Squared error of softmax probabilities and one-hot targets, or of an autoencoder's pixels.

    Summed over the classes, the Brier score (Brier 1950), and the mean over images; of pixels in
    0..1 the mean over all of them.  logits (N, K), targets -> ()
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        shares = self.shares(targets, logits.shape[1])
        losses = (logits.float().softmax(1) - shares).square().sum(1)
        if self.class_weights is not None:
            is_mixed = targets.is_floating_point()
            weights = targets @ self.class_weights if is_mixed else self.class_weights[targets]
            losses = losses * weights
        return self.mean(losses, targets)


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weight of each class, N / (K * images of the class): float32 (K,) from labels (N,).

    A class without training images weighs as if it had one.
    """
    images = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    return len(labels) / (num_classes * images.float())
