"""One run, from a checked config to a finished folder. Read it from top to bottom."""

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from cnnlab.config import RunConfig, seconds
from cnnlab.data.chunks import Position
from cnnlab.data.image_data import ImageData
from cnnlab.explain.cost import count
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.callbacks import EarlyStop, MetricsFile, TensorBoardScalars
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.environment import describe
from cnnlab.training.progress import Progress
from cnnlab.training.record import Outcome, record
from cnnlab.training.task import ClassifyTask, balanced_weights
from cnnlab.training.trainer import make_trainer


def run(config: RunConfig, folder: RunDir, *, model: str, title: str, verbose: bool) -> None:
    """Train, keep the best epoch by validation, read the test set once, write the result.

    Goes on from ``checkpoints/last.ckpt`` where the folder holds one. ``model`` is the name that
    tables show, which may be a variant's.
    """
    L.seed_everything(config.seed, workers=False, verbose=False)
    parts = assemble(config)
    spec = parts.dataset.spec
    cost = count(parts.model, spec)
    splits = parts.dataset.load()

    position = Position(
        parts.steps_per_epoch,
        max_steps=config.trainer.max_steps,
        max_seconds=seconds(config.trainer.max_time),
    )
    weights = None
    if config.loss.class_weights == "balanced":
        weights = balanced_weights(splits.train.labels, spec.num_classes)
    if config.trainer.compile:
        torch._dynamo.reset()  # else the ninth model of one class in a process runs uncompiled
        parts.model.compile()
    task = ClassifyTask(
        parts.model,
        parts.optimizer,
        parts.schedule,
        position,
        seed=config.seed,
        gradient_clip=config.trainer.gradient_clip,
        label_smoothing=config.loss.label_smoothing,
        class_weights=weights,
    )
    data = ImageData(
        splits,
        spec,
        position,
        batch_size=config.batch_size,
        seed=config.seed,
        accumulate=config.trainer.accumulate,
        augment=parts.dataset.augment,
        max_eval_steps=config.trainer.max_eval_steps,
    )
    checkpoint = RunCheckpoint(folder.checkpoint_dir, keep=config.trainer.checkpoint)
    logger = TensorBoardLogger(
        folder.path, name="tb", version="", default_hp_metric=False, sub_dir=None
    )
    trainer = make_trainer(
        epochs=parts.epochs,
        callbacks=_callbacks(config, parts, folder, checkpoint, title),
        logger=logger,
        accelerator=config.trainer.accelerator,
        devices=config.trainer.devices,
        precision=config.trainer.precision,
        deterministic=config.trainer.deterministic,
        verbose=verbose,
    )
    if trainer.is_global_zero:
        folder.write_env(describe(trainer))
    last = folder.last_checkpoint
    start = str(last) if last.is_file() else None
    trainer.fit(task, data, ckpt_path=start, weights_only=True)

    kept = torch.load(folder.best_checkpoint, map_location="cpu", weights_only=True)
    task.load_state_dict(kept["state_dict"])
    trainer.test(task, data, verbose=False)

    if trainer.is_global_zero:
        record(Outcome(config, folder, model, cost, spec, splits, task, trainer, checkpoint.best))


def _callbacks(
    config: RunConfig, parts: Assembly, folder: RunDir, checkpoint: RunCheckpoint, title: str
) -> list[Callback]:
    callbacks: list[Callback] = []
    metric = config.trainer.checkpoint
    if config.trainer.early_stopping is not None and metric != "last":
        callbacks.append(EarlyStop(metric, config.trainer.early_stopping))
    return [
        *callbacks,
        MetricsFile(folder.metrics_file),
        TensorBoardScalars(),
        Progress(epochs=parts.epochs, title=title),
        checkpoint,
    ]
