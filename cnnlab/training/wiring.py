"""Everything that a run is put together of. Runs, plans, benchmarks and tests all call ``wire``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.config.options import RunConfig, seconds
from cnnlab.config.schema import build
from cnnlab.data.dataset import Splits
from cnnlab.data.loading.chunks import CHUNK_SECONDS, CHUNK_STEPS, Position
from cnnlab.data.loading.datamodule import ImageData
from cnnlab.registry import CALLBACKS, LOGGERS
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import Assembly
from cnnlab.training.callbacks import (
    ClaimCheck,
    EarlyStop,
    LogScalars,
    MetricsFile,
    needs_every_batch,
)
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.compiled_step import compile_network, compile_step
from cnnlab.training.lightning_bridge import leave_signals
from cnnlab.training.memory_format import memory_format, set_memory_format
from cnnlab.training.module import TrainingModule
from cnnlab.training.profile import Profile
from cnnlab.training.progress import Progress
from cnnlab.training.stopping import StopRequest
from cnnlab.training.trainer import make_trainer
from cnnlab.training.validation import ValidateSome, val_columns


@dataclass(frozen=True)
class Wiring:
    """What trains: ``trainer.fit(module, data)``."""

    module: TrainingModule
    data: ImageData
    trainer: pl.Trainer
    checkpoint: RunCheckpoint | None  # None without a run folder


def wire(
    config: RunConfig,
    parts: Assembly,
    splits: Splits,
    *,
    run_dir: RunDir | None = None,
    callbacks: Sequence[Callback] = (),
    stop: StopRequest | None = None,
    title: str = "",
    stream: TextIO | None = None,
    verbose: bool = False,
    chunk_steps: int = CHUNK_STEPS,
    chunk_seconds: float | None = CHUNK_SECONDS,
) -> Wiring:
    """Put a run together: the training module, its data, the callbacks, the loggers, the trainer.

    Args:
        run_dir: where checkpoints, metrics and logs go; None writes none, and runs only those
            ``callbacks`` that are given here.
        callbacks: beside those that every run has and those that the config names.
        stop: asks for a checkpoint and the end of the training.
        title: put before lines of progress, which go to ``stream`` (None: standard error).
        verbose: lets Lightning speak too.
        chunk_steps, chunk_seconds: the longest chunk of steps; no result depends on them.
    """
    position = Position(
        parts.steps_per_epoch,
        max_steps=config.trainer.max_steps,
        max_seconds=seconds(config.trainer.max_time),
    )
    checkpoint, loggers = None, []
    if run_dir is not None:
        loggers = make_loggers(config, run_dir)
        checkpoint = _checkpoint(config, run_dir, stop)
        progress = Progress(epochs=parts.epochs, title=title, stream=stream)
        own = [*_callbacks(config, run_dir), progress, checkpoint]
        callbacks = [*own, *make_callbacks(config), *callbacks]
        if config.trainer.val_every > 1:  # the last: it sees whether one of the others stops
            columns = val_columns(config, parts.dataset.spec)
            callbacks = [*callbacks, ValidateSome(config.trainer.val_every, columns)]
    chunk_steps = 1 if needs_every_batch(callbacks) else chunk_steps
    if run_dir is not None and config.trainer.profile:
        callbacks, chunk_steps = [*callbacks, Profile(run_dir, chunk_steps)], 1
    layout = memory_format(config.trainer, parts.model)
    set_memory_format(parts.model, parts.optimizer, layout)
    overfits = config.trainer.overfit is not None
    data = ImageData(
        splits,
        parts.dataset.spec,
        position,
        batch_size=config.batch_size,
        seed=config.seed,
        accumulate=config.trainer.accumulate,
        augment=None if overfits else parts.dataset.augment,
        registered=() if overfits else parts.augmentations,
        shuffle=not overfits,
        max_eval_steps=config.trainer.max_eval_steps,
        checkpoint_every=config.trainer.save_every[0],
        chunk_steps=chunk_steps,
        chunk_seconds=chunk_seconds,
        memory_format=layout,
    )
    trainer = make_trainer(
        config.trainer,
        parts.epochs,
        callbacks=callbacks,
        loggers=loggers,
        folder=None if run_dir is None else run_dir.path,
        verbose=verbose,
    )
    if config.trainer.devices > 1:
        leave_signals(trainer)
    return Wiring(make_module(config, parts, splits, position), data, trainer, checkpoint)


def make_module(
    config: RunConfig, parts: Assembly, splits: Splits, position: Position
) -> TrainingModule:
    """The LightningModule: the model under its task's loss, from ``position`` on."""
    labels, mode = splits.train.labels, config.trainer.compile
    module = TrainingModule(
        parts.task,
        parts.task.criterion(config.loss, parts.dataset.spec, labels),
        parts.model,
        parts.optimizer,
        parts.schedule,
        position,
        seed=config.seed,
        gradient_clip=config.trainer.gradient_clip,
        metrics=ExtraMetrics.of(config.metrics, parts.dataset.spec),
    )
    if mode and config.trainer.devices > 1:
        compile_network(parts.model, mode)
    elif mode:
        module.step_pass = compile_step(parts.model, module.criterion, mode)
    return module


def make_callbacks(config: RunConfig) -> list[Callback]:
    """The callbacks that the config names, in its order."""
    return [
        build(CALLBACKS, {**options, "name": name}) for name, options in config.callbacks.items()
    ]


def make_loggers(config: RunConfig, run_dir: RunDir) -> list[Logger]:
    """The loggers that the config names, in its order."""
    return [
        build(LOGGERS, {**options, "name": name}, run_dir.path)
        for name, options in config.logger.items()
    ]


def _callbacks(config: RunConfig, run_dir: RunDir) -> list[Callback]:
    """Early stopping, if configured, and the callbacks that write each epoch's row."""
    writers = [MetricsFile(run_dir.metrics_file), LogScalars()]
    callbacks: list[Callback] = [ClaimCheck(run_dir), *writers]
    if config.trainer.pictures:
        from cnnlab.training.network_pictures import NetworkPictures  # loads torch's tracing

        callbacks.append(NetworkPictures(config.trainer.pictures))
    if config.trainer.early_stopping is not None and config.metric != "last":
        callbacks.insert(0, EarlyStop(config.metric, config.trainer.early_stopping))
    return callbacks


def _checkpoint(config: RunConfig, run_dir: RunDir, stop: StopRequest | None) -> RunCheckpoint:
    steps, every_seconds = config.trainer.save_every
    return RunCheckpoint(
        run_dir,
        keep=config.metric,
        every=steps,
        every_seconds=every_seconds,
        stop=stop,
    )
