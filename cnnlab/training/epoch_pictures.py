"""The task's picture of the validation images while a run trains; pictures in files and loggers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cnnlab.data.dataset import Images
from cnnlab.data.loading.datamodule import ImageData
from cnnlab.task import Task
from cnnlab.training.lightning_bridge import is_fitting
from cnnlab.training.loggers import picture_tag
from cnnlab.training.module import TrainingModule
from cnnlab.training.validation import is_last_epoch, last_due


class EpochPictures(Callback):
    """Draws the first epoch, every ``every``-th and the last: ``pictures/confusion-003.png``.

    Where one of them is not validated, the next one that is takes its place.
    The same pictures go to the loggers, as ``visualization/val_confusion``.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._kept: list[Tensor] = []
        self._seen = 0

    def on_validation_start(self, *_: Any) -> None:
        self._kept.clear()
        self._seen = 0

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        if self._is_due(trainer, pl_module):
            assert isinstance(pl_module, TrainingModule)
            indices = self._indices(trainer, pl_module) - self._seen
            here = indices[(indices >= 0) & (indices < len(outputs))]
            self._kept.append(outputs[here.to(outputs.device)].float().cpu())
            self._seen += len(outputs)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._is_due(trainer, pl_module):
            return
        assert isinstance(pl_module, TrainingModule)
        data, task = image_data(trainer), pl_module.task
        images = data.evaluated(data.splits.val).select(self._indices(trainer, pl_module))
        folder, epoch = Path(trainer.default_root_dir), pl_module.position.epoch + 1
        title = f"{folder.name}: validation set, epoch {epoch}"
        outputs = torch.cat(self._kept)
        figure = task.draw(outputs, drawn_pixels(task, images), images.labels, data.spec, title)
        if figure is not None:
            file = folder / "pictures" / f"{task.picture}-{epoch:03}.png"
            file.parent.mkdir(exist_ok=True)
            show(figure, file, trainer.loggers, picture_tag("val", task.picture), step=epoch)
        self._kept.clear()
        pl_module.restart_clock()  # it is no time of the training

    def _is_due(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> bool:
        assert isinstance(pl_module, TrainingModule)
        epoch = pl_module.position.epoch + 1
        before = last_due(trainer, epoch)
        has_come = before == 0 or epoch // self.every > before // self.every
        is_due = has_come or is_last_epoch(trainer, pl_module)
        return is_due and trainer.is_global_zero and is_fitting(trainer)

    def _indices(self, trainer: pl.Trainer, pl_module: TrainingModule) -> Tensor:
        """Which of the validation images the task draws."""
        data = image_data(trainer)
        return pl_module.task.kept_indices(len(data.evaluated(data.splits.val)))


def image_data(trainer: pl.Trainer) -> ImageData:
    """What feeds the trainer."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, ImageData)
    return data


def drawn_pixels(task: Task, images: Images) -> Tensor:
    """What a task draws of images: their pixels, uint8 (N, C, H, W), or none, (0, C, H, W)."""
    return (images if task.draws_pixels else images.between(0, 0)).pixels


def show(
    figure: Figure, file: Path, loggers: Sequence[Logger], tag: str, *, step: int | None = None
) -> None:
    """Draw once, for a file and for the loggers that take pictures."""
    picture = drawn(figure)
    Image.fromarray(picture).save(file)
    log_picture(picture, loggers, tag, step=step)


def drawn(figure: Figure) -> NDArray[np.uint8]:
    """The pixels of a figure, (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return pixels


def log_picture(
    picture: NDArray[np.uint8], loggers: Sequence[Logger], tag: str, *, step: int | None = None
) -> None:
    """Give (H, W, 3) to the loggers that take pictures."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(tag, picture, step, dataformats="HWC")
        elif hasattr(logger, "log_image"):
            logger.log_image(tag, [picture])
