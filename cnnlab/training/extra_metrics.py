"""The registered metrics beside a task's own, of validation and test: ``metrics=[top5,macro_f1]``.

One of your own is called with the data set's ``ImageSpec`` and its options, and gives what
torchmetrics gives: an object with ``reset()``, ``update(logits, labels)`` for each batch and
``compute()``, a number or a dictionary of numbers. ``metrics=[kappa]`` fills the columns
``val_kappa`` and ``test_kappa``, a dictionary a column for each of its keys. Terminal and
comparisons show those columns that ``METRICS`` says the format of::

    METRICS["kappa"] = Metric("kappa", "kappa", True, ".3f", is_primary=False)

    @EXTRA_METRICS.register("kappa")
    def kappa(spec: ImageSpec) -> MulticlassCohenKappa:
        return MulticlassCohenKappa(spec.num_classes, validate_args=False)

These here count by themselves, on the device: torchmetrics' own wait for it at every batch.
"""

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from torch import Tensor

from cnnlab.registry import EXTRA_METRICS, Range
from cnnlab.spec import ImageSpec


class Counter(ABC):
    """Counts, summed over the images of an evaluation."""

    def __init__(self, spec: ImageSpec) -> None:
        self.num_classes = spec.num_classes
        self.class_names = spec.class_names or tuple(map(str, range(spec.num_classes)))
        self.reset()

    @abstractmethod
    def count(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The counts of a batch, int64, of logits (N, K) and labels (N,)."""

    def reset(self) -> None:
        """Begin to count."""
        self.images = 0
        self.counts: Tensor | int = 0

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch, without waiting for the device."""
        self.images += len(labels)
        self.counts = self.counts + self.count(logits, labels)

    def totals(self) -> Tensor:
        """The counts of all batches, float64 on the CPU."""
        return torch.as_tensor(self.counts).cpu().double()


@EXTRA_METRICS.register("top_k")
class TopK(Counter):
    """Top-k accuracy: the right class is among the k most probable; columns val_top3 and so on.

    Args:
        k: number of most probable classes, below the number of classes.
    """

    def __init__(self, spec: ImageSpec, *, k: Annotated[int, Range(at_least=2)] = 3) -> None:
        if k >= spec.num_classes:
            raise ValueError(
                f"top-{k} accuracy needs more than {k} classes, not {spec.num_classes}"
            )
        super().__init__(spec)
        self.k = k

    def count(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.topk(self.k, dim=1).indices == labels[:, None]).sum()

    def compute(self) -> dict[str, float]:
        return {f"top{self.k}": self.totals().item() / self.images}


@EXTRA_METRICS.register("top5")
class Top5(TopK):
    """Top-5 accuracy: the right class is among the five most probable; val_top5, test_top5."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, k=5)


class ClassCounter(Counter):
    """Counts for each class."""

    def count(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Right answers, answers and images of each class: int64 (3, K)."""
        predicted = logits.argmax(1)
        counts = torch.zeros(3, self.num_classes, dtype=torch.int64, device=labels.device)
        ones = torch.ones_like(labels)
        # Neither bincount nor an index of booleans, whose sizes the host would wait for.
        counts[0].index_add_(0, labels, (predicted == labels).long())
        counts[1].index_add_(0, predicted, ones)
        counts[2].index_add_(0, labels, ones)
        return counts


@EXTRA_METRICS.register("macro_f1")
class MacroF1(ClassCounter):
    """Macro-F1: the mean of the classes' F1 scores; val_macro_f1, test_macro_f1.

    Of the classes that have images or answers, as in scikit-learn.
    """

    def compute(self) -> float:
        right, answers, images = self.totals()
        f1 = 2 * right / (answers + images)  # NaN for a class that has neither
        return float(f1[answers + images > 0].mean())


@EXTRA_METRICS.register("per_class")
class PerClass(ClassCounter):
    """The accuracy of each class (its recall): val_acc_cat, val_acc_dog and so on.

    They are in metrics.csv, result.json and TensorBoard; NaN for a class without images.
    """

    def compute(self) -> dict[str, float]:
        right, _, images = self.totals()
        names = (f"acc_{name}" for name in self.class_names)
        return dict(zip(names, (right / images).tolist(), strict=True))
