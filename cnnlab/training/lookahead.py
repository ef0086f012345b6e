"""Lookahead: slow weights that follow the trained ones, which restart from them every few steps."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from cnnlab.training.module import TrainingModule
from cnnlab.training.weight_averaging import WeightAverage, tensors


class Lookahead(WeightAverage):
    """Moves the slow weights by ``alpha`` towards the trained ones every ``every`` steps.

    Statistics of batch norm move with them. The slow weights are what is validated and kept.
    """

    def __init__(self, every: int, alpha: float) -> None:
        super().__init__()
        self.every, self.alpha = every, alpha
        self.steps = 0  # since the slow weights moved
        self._hook: Any = None

    def update(self, averaged: list[Tensor], current: list[Tensor]) -> None:
        for slow, fast in zip(averaged, current, strict=True):
            slow.lerp_(fast, self.alpha)
            fast.copy_(slow)

    def on_train_start(self, _: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        current = tensors(pl_module.model)
        if self.num_averaged == 0:
            self.average_in(current)
        self._hook = pl_module.optimizer.register_step_post_hook(lambda *_: self._count(current))

    @torch.no_grad()
    def _count(self, current: dict[str, Tensor]) -> None:
        self.steps += 1
        if self.steps == self.every:
            self.steps = 0
            self.average_in(current)

    def on_train_end(self, *_: Any) -> None:
        self._hook.remove()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.steps = state_dict["steps"]
