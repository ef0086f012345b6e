"""What is learnt: the loss to minimise and the right answers to count."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.data.loading.chunks import Position
from cnnlab.training.chunked_task import ChunkedTask
from cnnlab.training.schedule import Schedule


class ClassifyTask(ChunkedTask):
    """Classification by cross entropy.

    Label smoothing and class weights shape what is minimised (``train_loss``). Validation and
    test losses are the plain cross entropy, so that runs with different losses compare.

    Args:
        class_weights: (K,), see ``balanced_weights``.

    Attributes:
        test_logits: float32 (N, K), after testing, on the CPU.
        test_labels: int64 (N,).
    """

    counts = ("acc",)
    class_weights: Tensor | None

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: Schedule,
        position: Position,
        *,
        seed: int,
        gradient_clip: float | None = None,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
    ) -> None:
        super().__init__(
            model, optimizer, schedule, position, seed=seed, gradient_clip=gradient_clip
        )
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights, persistent=False)
        self._tested: list[tuple[Tensor, Tensor]] = []

    def loss_and_counts(
        self,
        outputs: Tensor,
        inputs: Tensor,  # noqa: ARG002
        targets: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """Cross entropy of logits (N, K) and the number of right answers.

        ``targets`` are classes (N,), or their shares (N, K) of mixed images, whose answer is right
        when it names the larger share.
        """
        classes = targets.argmax(1) if targets.is_floating_point() else targets
        right = (outputs.argmax(1) == classes).sum()
        if not self.training:
            return F.cross_entropy(outputs.float(), targets), [right]
        loss = F.cross_entropy(
            outputs, targets, self.class_weights, label_smoothing=self.label_smoothing
        )
        return loss, [right]

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self._tested.clear()

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self._tested.append((self._evaluate(*batch), batch[1]))

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        logits, labels = (torch.cat(parts) for parts in zip(*self._tested, strict=True))
        self.test_logits = logits.float().cpu()
        self.test_labels = labels.cpu()
        self._tested.clear()


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weight of each class, N / (K * images of the class): float32 (K,) from labels (N,).

    A class without training images weighs as if it had one.
    """
    images = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    return len(labels) / (num_classes * images.float())
