"""Averages of the weights while they are trained: over steps (EMA), or over epochs (SWA).

Once there is an average it is what is validated at the end of each epoch, what best.ckpt is chosen
by and holds, what is tested, and what ``load_run``, ``init.from`` and ``cnnlab test`` load. The
training itself never sees it: checkpoints hold the weights that are trained beside the average, and
a resumed run continues from those, with ``callbacks=[]`` too.
"""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from cnnlab.data.loading.datamodule import ImageData
from cnnlab.data.loading.memory import seed_generators, step_seed
from cnnlab.runs.checkpoint_file import AVERAGED, TRAINED
from cnnlab.training.lightning_bridge import is_fitting
from cnnlab.training.module import TrainingModule

log = logging.getLogger("cnnlab")

PREFIX = "model."  # of the network's tensors in a checkpoint's state_dict
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class WeightAverage(Callback):
    """Validates and saves an average, which a subclass adds to.

    Attributes:
        num_averaged: number of states of the network in the average; 0 before the first.
        averaged: the average of each parameter and of each buffer of floats, by its name.
    """

    def __init__(self) -> None:
        self.num_averaged = 0
        self.averaged: dict[str, Tensor] = {}
        self._loaded: dict[str, Tensor] = {}

    def average_in(self, current: dict[str, Tensor]) -> None:
        """Take a network's ``tensors`` into the average; the first are the average itself."""
        if self.num_averaged == 0:
            self.averaged = {name: tensor.clone() for name, tensor in current.items()}
        else:
            self.update(list(self.averaged.values()), [current[name] for name in self.averaged])
        self.num_averaged += 1

    def update(self, averaged: list[Tensor], current: list[Tensor]) -> None:
        """Change the average in place; ``num_averaged`` states are in it already."""
        raise NotImplementedError

    def exchange(self, model: nn.Module) -> None:
        """Put the average into the network and the network's tensors here; again, and back."""
        current = tensors(model)
        for name, average in self.averaged.items():
            kept = current[name].clone()
            current[name].copy_(average)
            average.copy_(kept)

    def on_fit_start(self, _: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.num_averaged:
            self.averaged = {
                name: self._loaded.get(PREFIX + name, tensor).to(tensor.device, copy=True)
                for name, tensor in tensors(_model(pl_module)).items()
            }

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if is_fitting(trainer) and self.num_averaged:
            self.exchange(_model(pl_module))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if is_fitting(trainer) and self.num_averaged:
            self.exchange(_model(pl_module))

    def on_save_checkpoint(
        self, _: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if not self.num_averaged:
            return
        trained, model = checkpoint["state_dict"], _model(pl_module)
        names = {id(tensor): name for name, tensor in _named(model)}
        averages = {
            PREFIX + name: self.averaged[names[id(tensor)]]
            for name, tensor in _named(model, remove_duplicate=False)
            if PREFIX + name in trained
        }
        checkpoint |= {"state_dict": {**trained, **averages}, TRAINED: trained}

    def on_load_checkpoint(
        self, _: pl.Trainer, __: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._loaded = checkpoint.get(AVERAGED, {})

    def state_dict(self) -> dict[str, Any]:
        return {"num_averaged": self.num_averaged}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.num_averaged = state_dict["num_averaged"]


class ExponentialAverage(WeightAverage):
    """The exponential moving average of the weights after each optimiser step."""

    def __init__(self, decay: float, *, warmup: bool) -> None:
        super().__init__()
        self.decay = decay
        self.warmup = warmup
        self._hook: Any = None

    def decay_now(self) -> float:
        """Of the next step: small at first where it warms up, as in TensorFlow."""
        steps = self.num_averaged
        return min(self.decay, (1 + steps) / (10 + steps)) if self.warmup else self.decay

    def update(self, averaged: list[Tensor], current: list[Tensor]) -> None:
        average = get_ema_multi_avg_fn(self.decay_now())  # type: ignore[no-untyped-call]
        average(averaged, current, self.num_averaged)

    def on_train_start(self, _: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        current = tensors(pl_module.model)
        self._hook = pl_module.optimizer.register_step_post_hook(
            lambda *_: self.average_in(current)
        )

    def on_train_end(self, *_: Any) -> None:
        self._hook.remove()


class EpochAverage(WeightAverage):
    """The mean of the weights at the ends of the last epochs, with its own batch norm statistics.

    An epoch cut short by max_steps or max_time is not in it.
    """

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start = start

    def update(self, averaged: list[Tensor], current: list[Tensor]) -> None:
        average = get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]
        average(averaged, current, self.num_averaged)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, TrainingModule)
        position = pl_module.position
        if position.step < position.steps_per_epoch:
            return
        if position.epoch + 1 > self.start * (trainer.max_epochs or 1):
            self.average_in(tensors(pl_module.model))
            self._estimate_batch_norm(trainer, pl_module)
        else:  # also of a run that is continued for longer than planned
            self.num_averaged = 0

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if self.num_averaged == 0 and trainer.is_global_zero:
            line = (
                "callbacks=[swa]: no weights were averaged: training ended before an epoch beyond "
                f"callbacks.swa.start={self.start:g} of {trainer.max_epochs} epochs was complete"
            )
            log.info("%s", line)
            print(line, file=sys.stderr)

    def _estimate_batch_norm(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Statistics of the averaged network over the training images, not augmented."""
        layers = [
            layer
            for layer in module.model.modules()
            if isinstance(layer, BATCH_NORMS) and layer.track_running_stats and layer.training
        ]
        if not layers:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageData)
        before = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
        self.exchange(module.model)
        position = module.position
        # Dropout draws here too; the next step seeds the generators again.
        seed_generators(step_seed(module.seed, position.epoch, position.step), module.device)
        try:
            for layer in layers:
                layer.num_batches_tracked = torch.tensor(0, device=module.device)
                layer.momentum = None  # the mean over all batches
            with torch.no_grad():
                for inputs, _ in data.statistics_dataloader():
                    module.model(inputs)
        finally:
            for layer, (momentum, count) in zip(layers, before, strict=True):
                layer.momentum, layer.num_batches_tracked = momentum, count
            self.exchange(module.model)


def _model(module: pl.LightningModule) -> nn.Module:
    assert isinstance(module, TrainingModule)
    return module.model


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """What is averaged of a network: parameters, and buffers of floats such as batch norm's."""
    return {name: tensor.detach() for name, tensor in _named(model)}


def _named(model: nn.Module, *, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=remove_duplicate)
    for name, buffer in model.named_buffers(remove_duplicate=remove_duplicate):
        if buffer.is_floating_point():
            yield name, buffer
