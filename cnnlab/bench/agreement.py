"""What a faster way of computing costs: how far it is from plain 32-bit training."""

import math
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from cnnlab.bench.fit import Measured, fit, wired
from cnnlab.bench.workload import Workload
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.training.isolation import isolated
from cnnlab.training.module import TrainingModule

STEPS = 20  # trained from the same initial weights
IMAGES = 512  # of validation, whose outputs are compared


@dataclass(frozen=True)
class Agreement:
    """One way of computing beside another.

    Attributes:
        outputs: difference of the outputs of the same weights: its root mean square, relative to
            that of the outputs.
        largest: the largest such difference of a single number, relative to the same.
        top1: fraction of the images with the same answer; None where outputs are no classes.
        loss: relative difference of the training loss after a few steps from the same start.
    """

    outputs: float
    largest: float
    top1: float | None
    loss: float

    @property
    def is_finite(self) -> bool:
        """Whether every output and the loss is a number."""
        return all(map(math.isfinite, (self.outputs, self.largest, self.loss)))

    @property
    def cells(self) -> tuple[str, str, str]:
        """The top-1 agreement and the two differences, for a table."""
        top1 = "-" if self.top1 is None else f"{self.top1:.2%}"
        return top1, f"{self.outputs:.1e}", f"{self.loss:.1e}"

    def __str__(self) -> str:
        top1 = "" if self.top1 is None else f"the same answer for {self.top1:.2%} of the images, "
        return (
            f"{top1}outputs {self.outputs:.1e} apart (at most {self.largest:.1e}), "
            f"the loss after {STEPS} steps {self.loss:.1e}"
        )

    @classmethod
    def of(
        cls, outputs: Tensor, reference: Tensor, losses: tuple[float, float], *, classes: bool
    ) -> "Agreement":
        """Compare outputs (N, ...) of the same weights and images, and two losses, theirs last."""
        loss, reference_loss = losses
        scale = reference.square().mean().sqrt().clamp_min(1e-12)
        difference = (outputs - reference) / scale
        same = (outputs.argmax(1) == reference.argmax(1)).float().mean().item()
        return cls(
            outputs=difference.square().mean().sqrt().item(),
            largest=difference.abs().max().item(),
            top1=same if classes else None,
            loss=abs(loss - reference_loss) / max(abs(reference_loss), 1e-12),
        )


@dataclass(frozen=True)
class Reference:
    """Plain training: its last loss, its weights, and their outputs on validation images."""

    loss: float
    weights: dict[str, Tensor]
    outputs: Tensor


class _Losses(Callback):
    """Notes each step's loss, and ends the training after some steps."""

    every_batch = True

    def __init__(self, steps: int) -> None:
        self.losses: list[float] = []
        self._steps = steps

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.losses += [values[0] for values in pl_module.measured]
        trainer.should_stop = len(self.losses) >= self._steps


@isolated()
def train_reference(workload: Workload) -> Reference:
    """Train a few steps as the workload's config says.

    Raises:
        CnnlabError: a loss is not finite.
    """
    losses, measured = _train(workload)
    weights = {name: v.cpu().clone() for name, v in measured.parts.model.state_dict().items()}
    return Reference(losses[-1], weights, _outputs(measured, workload))


@isolated()
def agreement(workload: Workload, reference: Reference) -> Agreement:
    """The same steps and the same weights, computed as the workload's config says.

    Raises:
        CnnlabError: a loss is not finite.
    """
    losses, measured = _train(workload)
    measured.parts.model.load_state_dict(reference.weights)
    outputs = _outputs(measured, workload)
    classes = workload.config.task.name == "classify"
    return Agreement.of(outputs, reference.outputs, (losses[-1], reference.loss), classes=classes)


def _train(workload: Workload) -> tuple[list[float], Measured]:
    callback = _Losses(STEPS)
    measured = wired(workload, [callback], learns=True)
    fit(measured)
    return callback.losses, measured


def _outputs(measured: Measured, workload: Workload) -> Tensor:
    """Of the first validation images in eval mode, float32 (N, ...), on the CPU."""
    trainer, model = measured.wiring.trainer, measured.wiring.module.model
    device = trainer.strategy.root_device
    images = workload.splits.val
    images = images.select(torch.arange(min(IMAGES, len(images))))
    layout = measured.wiring.data.memory_format
    batches = MemoryBatches(images, measured.parts.dataset.spec, device, memory_format=layout)
    size = workload.config.batch_size
    model.to(device)
    found = []
    with eval_mode(model), trainer.precision_plugin.forward_context():
        for indices in torch.split(torch.arange(len(images), device=device), size):
            found.append(model(batches(indices)[0]).float().cpu())
    return torch.cat(found)
