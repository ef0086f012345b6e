"""``trainer.pictures``: kernels, feature maps and mistakes at each validation, for the loggers.

No training step does more, and no random number is drawn. A compiled network is looked at as it is
written, layer by layer. The weights are those that were validated, an average where there is one.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from matplotlib.figure import Figure
from torch import Tensor, nn

from cnnlab.data.loading.normalise import Normalise
from cnnlab.explain.pictures.capture import capture
from cnnlab.explain.pictures.kernels import draw_kernels, first_kernels
from cnnlab.explain.pictures.map_layers import MapLayer, map_layers, stages
from cnnlab.registry import CnnlabError
from cnnlab.runs.mistakes import confidences, most_confident_mistakes
from cnnlab.training.epoch_pictures import drawn, image_data, log_picture
from cnnlab.training.lightning_bridge import is_fitting
from cnnlab.training.loggers import picture_tag
from cnnlab.training.module import TrainingModule
from cnnlab.training.pictures.fixed_images import fixed_images_figure
from cnnlab.training.pictures.mistakes import MOST, mistakes_figure

FIXED = 2  # validation images whose feature maps are drawn
MOST_LAYERS = 6
DPI = 100


class NetworkPictures(Callback):
    """Draws ``names``, of kernels, feature_maps and mistakes, at the end of each validation."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._layers: list[MapLayer] | None = None  # found once
        self._mistakes: list[tuple[Tensor, Tensor, Tensor]] = []  # logits, labels and positions
        self._seen = 0
        self._refused: set[str] = set()

    def on_validation_start(self, *_: Any) -> None:
        self._mistakes.clear()
        self._seen = 0

    def on_validation_batch_end(
        self, trainer: pl.Trainer, _: pl.LightningModule, outputs: Any, batch: Any, *_rest: Any
    ) -> None:
        if "mistakes" not in self.names or not _draws(trainer):
            return
        logits, labels = outputs.float().cpu(), batch[1].cpu()
        worst = torch.from_numpy(most_confident_mistakes(logits.numpy(), labels.numpy(), MOST))
        self._mistakes.append((logits[worst], labels[worst], worst + self._seen))
        self._seen += len(labels)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not _draws(trainer):
            return
        assert isinstance(pl_module, TrainingModule)
        draw: dict[str, Callable[[pl.Trainer, nn.Module], Figure]] = {
            "kernels": _kernels,
            "feature_maps": self._feature_maps,
            "mistakes": self._most_confident,
        }
        epoch = pl_module.position.epoch + 1
        for name in self.names:
            if name in self._refused:
                continue
            try:
                with torch.compiler.set_stance("force_eager"):
                    figure = draw[name](trainer, pl_module.model)
            except CnnlabError as error:
                self._refused.add(name)
                print(f"trainer.pictures: no {name}: {error}", file=sys.stderr)
                continue
            tag = picture_tag("train" if name == "kernels" else "val", name)
            log_picture(drawn(figure), trainer.loggers, tag, step=epoch)
        self._mistakes.clear()
        pl_module.restart_clock()  # it is no time of the training

    def _feature_maps(self, trainer: pl.Trainer, model: nn.Module) -> Figure:
        pixels, images = _fixed(trainer)
        if self._layers is None:
            self._layers = stages(map_layers(model, images[0]))[:MOST_LAYERS]
        if not self._layers:
            raise CnnlabError("no layer of this network returns feature maps of 2x2 or more")
        found = capture(model, self._layers, images)
        maps = {layer.title: found[layer.name].float().cpu() for layer in self._layers}
        return fixed_images_figure(pixels.numpy(), maps)

    def _most_confident(self, trainer: pl.Trainer, _: nn.Module) -> Figure:
        logits, labels, places = map(torch.cat, zip(*self._mistakes, strict=True))
        worst = torch.from_numpy(most_confident_mistakes(logits.numpy(), labels.numpy(), MOST))
        data = image_data(trainer)
        pixels = data.evaluated(data.splits.val).select(places[worst]).pixels
        wrong = logits[worst].numpy()
        predicted = wrong.argmax(1) if len(wrong) else np.zeros(0, np.int64)
        return mistakes_figure(
            pixels.numpy(),
            labels[worst].numpy(),
            predicted,
            confidences(wrong) if len(wrong) else np.zeros(0, np.float32),
            data.spec,
        )


def _draws(trainer: pl.Trainer) -> bool:
    return is_fitting(trainer) and trainer.is_global_zero


def _fixed(trainer: pl.Trainer) -> tuple[Tensor, Tensor]:
    """The first validation images of different classes: uint8, and normalised on the device."""
    data = image_data(trainer)
    images = data.evaluated(data.splits.val)
    labels = images.labels.tolist()
    first = sorted({label: labels.index(label) for label in dict.fromkeys(labels)}.values())
    pixels = images.read(torch.tensor(first[:FIXED]))
    device = trainer.strategy.root_device
    return pixels, Normalise(data.spec, device)(pixels.to(device))


def _kernels(trainer: pl.Trainer, model: nn.Module) -> Figure:
    _, images = _fixed(trainer)
    first = first_kernels(model, images[0])
    first = dataclasses.replace(first, kernels=first.kernels.float().cpu())
    rows = -(-min(64, len(first.kernels)) // 8)
    figure = Figure(figsize=(7, 1 + 0.75 * rows), dpi=DPI, layout="constrained")
    draw_kernels(figure, first)
    return figure
