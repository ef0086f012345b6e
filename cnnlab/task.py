"""What a network is trained for: its loss, its metrics, and what is reported of its test.

A task is one class in one file, registered as every component is; a model names its task where it
is registered (``task="classify"``).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cnnlab.metrics import metric_of_column
from cnnlab.registry import TASKS
from cnnlab.spec import ImageSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor, nn


class Task(ABC):
    """What is learnt, counted and reported. It holds no state; the criterion holds what it needs.

    Attributes:
        name: as registered.
        counts: what is summed beside the loss, such as the right answers (``acc``). Each gives a
            column ``train_``, ``val_`` and ``test_``: the sum, divided by the number of images.
            ``METRICS`` must hold each of these columns; a task's file adds its own metric to it.
        loss: the loss that is minimised where none is chosen: a name in ``LOSSES``.
        metric: the column that the best epoch is chosen by, ``val_acc`` or ``val_loss``.
        output: the plural noun for what the network gives, such as ``logits``.
        max_kept: number of test images, evenly spaced, whose outputs are kept for ``scores`` and
            ``draw``; None keeps all, and writes them to ``test_{output}.npz`` with the labels.
        picture: the name of the picture that ``draw`` gives, without its ending.
        draws_pixels: whether ``draw`` uses the pixels of images; else it is given none, which of
            photographs would all be read from the disk.
    """

    name: ClassVar[str]
    counts: ClassVar[tuple[str, ...]] = ()
    loss: ClassVar[str] = "cross_entropy"
    metric: ClassVar[str] = "val_loss"
    output: ClassVar[str] = "outputs"
    max_kept: ClassVar[int | None] = None
    picture: ClassVar[str] = ""
    draws_pixels: ClassVar[bool] = True

    @property
    def val_columns(self) -> tuple[str, ...]:
        """The columns of metrics.csv that a validation fills: counts first, then the loss."""
        return (*(f"val_{name}" for name in self.counts), "val_loss")

    def check(self, config: Mapping[str, Any]) -> None:  # noqa: B027  (nothing to refuse)
        """Refuse options that mean nothing for this task.

        Args:
            config: plain data, complete, as config.yaml holds it.

        Raises:
            CnnlabError: an option has a value that this task cannot use.
        """

    @abstractmethod
    def output_shape(self, spec: ImageSpec, n: int) -> tuple[int, ...]:
        """What the network must give for ``n`` images."""

    @abstractmethod
    def criterion(self, loss: Mapping[str, Any], spec: ImageSpec, labels: "Tensor") -> "nn.Module":
        """A module that is called with outputs, normalised inputs (N, C, H, W) and targets.

        It returns the mean loss () and a list of each of ``counts``, summed over the batch (). In
        training mode the loss is what is minimised, in eval mode what validation and test report.
        One whose mean is weighted has an attribute ``image_weights``, which gives the weight of
        each image (N,) from labels (N,): micro-batches and devices then count by their weights.
        What it keeps in buffers stays out of checkpoints with ``persistent=False``.

        Args:
            loss: the name and the options of the chosen loss.
            labels: of the training images, int64 (N,).
        """

    def kept_indices(self, n: int) -> "Tensor":
        """Which of ``n`` test images' outputs are kept, int64 (M,); see ``max_kept``."""
        import torch

        if self.max_kept is None or self.max_kept >= n:
            return torch.arange(n)
        return torch.linspace(0, n - 1, self.max_kept).long()

    def scores(self, outputs: "Tensor", labels: "Tensor") -> dict[str, float]:  # noqa: ARG002
        """Further columns of result.json, from what was kept of the test.

        Args:
            outputs: float32 (N, ...), on the CPU.
            labels: int64 (N,).
        """
        return {}

    def draw(
        self,
        outputs: "Tensor",  # noqa: ARG002
        pixels: "Tensor",  # noqa: ARG002
        labels: "Tensor",  # noqa: ARG002
        spec: ImageSpec,  # noqa: ARG002
        title: str,  # noqa: ARG002
    ) -> "Figure | None":
        """A picture of what was kept of the test, or None.

        Args:
            outputs: float32 (N, ...), on the CPU.
            pixels: uint8 (N, C, H, W); (0, C, H, W) where ``draws_pixels`` is False.
            labels: int64 (N,).
            title: the run and which of its images these are.
        """
        return None

    def written(self, outputs: "Tensor", labels: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """Which of what was kept of the test ``write`` is given, int64 (M,); None: all of it.

        Args:
            outputs: float32 (N, ...), on the CPU.
            labels: int64 (N,).
        """
        return None

    def write(  # noqa: B027  (most write nothing more)
        self, folder: Path, outputs: "Tensor", pixels: "Tensor", labels: "Tensor", index: "Tensor"
    ) -> None:
        """Write further files into a run's folder, from what ``written`` chose.

        Args:
            folder: of the run.
            outputs: float32 (M, ...), on the CPU.
            pixels: uint8 (M, C, H, W).
            labels: int64 (M,).
            index: positions of these images in the test set, int64 (M,).
        """


def task_named(name: str) -> Task:
    """The task that is registered under ``name``.

    Raises:
        CnnlabError: there is none, or one of its metrics is not in the table of metrics.
    """
    task: Task = TASKS[name].component()
    for column in task.val_columns:
        metric_of_column(column)
    return task
