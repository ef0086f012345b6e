"""cnnlab's own way: the training part of ``training/run.py``, with all that a run records."""

import io
import tempfile
from pathlib import Path

from lightning.pytorch.loggers import TensorBoardLogger

from cnnlab.bench.epoch_clock import EpochClock
from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import Splits
from cnnlab.data.loading.chunks import Position
from cnnlab.data.loading.datamodule import ImageData
from cnnlab.training.assemble import Assembly
from cnnlab.training.callbacks import MetricsFile, TensorBoardScalars
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.progress import Progress
from cnnlab.training.task import ClassifyTask
from cnnlab.training.trainer import make_trainer


def train(parts: Assembly, splits: Splits, config: RunConfig) -> float:
    """Train ``parts.model`` for ``config.trainer.epochs`` on the CPU; seconds without start-up."""
    position = Position(parts.steps_per_epoch)
    task = ClassifyTask(parts.model, parts.optimizer, parts.schedule, position, seed=config.seed)
    data = ImageData(
        splits, parts.dataset.spec, position, batch_size=config.batch_size, seed=config.seed
    )
    clock = EpochClock()
    with tempfile.TemporaryDirectory() as folder:
        logger = TensorBoardLogger(
            folder, name="tb", version="", default_hp_metric=False, sub_dir=None
        )
        callbacks = [
            clock,
            MetricsFile(Path(folder, "metrics.csv")),
            TensorBoardScalars(),
            Progress(epochs=parts.epochs, stream=io.StringIO()),
            RunCheckpoint(Path(folder, "checkpoints")),
        ]
        trainer = make_trainer(
            epochs=parts.epochs,
            callbacks=callbacks,
            logger=logger,
            accelerator="cpu",
            deterministic=config.trainer.deterministic,
        )
        trainer.fit(task, data)
        logger.finalize("success")
    return clock.seconds
