"""The norm of the gradient, for choosing ``trainer.gradient_clip`` and seeing a run diverge."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from cnnlab.training.module import TrainingModule


class GradNorm(Callback):
    """Columns ``grad_norm`` and ``grad_norm_max``: mean and largest over an epoch's steps.

    The L2 norm of all gradients together, of all micro-batches and devices, before it is clipped.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.steps = 0
        self.sum: Tensor | float = 0.0
        self.max: Tensor | float = 0.0

    def note(self, parameters: list[nn.Parameter]) -> None:
        """Add the gradients of a step, without waiting for the device."""
        norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
        self.steps += 1
        self.sum = self.sum + norm
        # Without copying a number to the device, which would wait for it.
        self.max = norm.clamp(min=self.max)

    def columns(self) -> dict[str, float]:
        """Of the steps of this epoch so far; there are none where it could not be trained."""
        if not self.steps:
            return {}
        return {"grad_norm": float(self.sum) / self.steps, "grad_norm_max": float(self.max)}

    def on_train_start(self, _: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        pl_module.gradient_hooks.append(self.note)
        pl_module.row_hooks.append(self.columns)

    def on_train_end(self, _: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        pl_module.gradient_hooks.remove(self.note)
        pl_module.row_hooks.remove(self.columns)

    def on_train_epoch_end(self, _: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if pl_module.position.step == pl_module.position.steps_per_epoch:
            self._reset()  # an epoch that was cut short is continued

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "sum": float(self.sum), "max": float(self.max)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps, self.sum = state_dict["steps"], state_dict["sum"]
        self.max = state_dict["max"]
