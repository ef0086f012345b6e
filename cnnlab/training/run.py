"""One run, from a checked config to a finished folder. Read it from top to bottom."""

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from cnnlab.config.options import RunConfig, seconds
from cnnlab.data.dataset import Splits
from cnnlab.data.loading.chunks import Position
from cnnlab.data.loading.datamodule import ImageData
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.training import transfer
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.callbacks import EarlyStop, MetricsFile, TensorBoardScalars
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.environment import describe
from cnnlab.training.progress import Progress
from cnnlab.training.reconstruct import ReconstructTask
from cnnlab.training.record import Outcome, record
from cnnlab.training.stopping import StopRequest
from cnnlab.training.task import ClassifyTask, balanced_weights
from cnnlab.training.trainer import make_trainer


def run(job: Job) -> None:
    """Train, keep the best epoch by validation, read the test set once, write the result.

    Resumes from ``checkpoints/last.ckpt`` where the run folder holds one.
    """
    config, folder = job.config, job.run_dir
    L.seed_everything(config.seed, workers=False, verbose=False)
    parts = assemble(config)
    spec = parts.dataset.spec
    splits = parts.dataset.load()

    position = Position(
        parts.steps_per_epoch,
        max_steps=config.trainer.max_steps,
        max_seconds=seconds(config.trainer.max_time),
    )
    if config.trainer.compile:
        torch._dynamo.reset()  # else the ninth model of one class in a process runs uncompiled
        parts.model.compile()
    task = make_task(config, parts, splits, position)
    save_steps, save_seconds = config.trainer.save_every
    data = ImageData(
        splits,
        spec,
        position,
        batch_size=config.batch_size,
        seed=config.seed,
        accumulate=config.trainer.accumulate,
        augment=parts.dataset.augment,
        max_eval_steps=config.trainer.max_eval_steps,
        checkpoint_every=save_steps,
    )
    checkpoint = RunCheckpoint(
        folder.checkpoint_dir,
        keep=config.metric,
        every=save_steps,
        every_seconds=save_seconds,
        stop=StopRequest(),
    )
    logger = TensorBoardLogger(
        folder.path, name="tb", version="", default_hp_metric=False, sub_dir=None
    )
    trainer = make_trainer(
        epochs=parts.epochs,
        callbacks=[
            *_callbacks(config, parts, folder, checkpoint, job.title),
            *(callback for hook in job.hooks for callback in hook.callbacks()),
        ],
        logger=logger,
        accelerator=config.trainer.accelerator,
        devices=config.trainer.devices,
        precision=config.trainer.precision,
        deterministic=config.trainer.deterministic,
        verbose=job.verbose,
    )
    if trainer.is_global_zero:
        folder.write_env(describe(trainer))
    last = folder.last_checkpoint
    start = str(last) if last.is_file() else None
    if start is None and config.init.from_ is not None:
        found = transfer.start(parts.model, config.init, parts.head)
        parts.model.load_state_dict(found.weights, strict=False)
        if trainer.is_global_zero:
            transfer.announce(found, config.init.from_)
    trainer.fit(task, data, ckpt_path=start, weights_only=True)

    kept = torch.load(folder.best_checkpoint, map_location="cpu", weights_only=True)
    task.load_state_dict(kept["state_dict"])
    if config.trainer.test:
        trainer.test(task, data, verbose=False)

    if trainer.is_global_zero:
        record(
            Outcome(
                config,
                folder,
                job.choices["model"],
                job.cost,
                spec,
                splits,
                task,
                trainer,
                checkpoint.best,
            )
        )


def make_task(
    config: RunConfig, parts: Assembly, splits: Splits, position: Position
) -> ClassifyTask | ReconstructTask:
    spec, clip = parts.dataset.spec, config.trainer.gradient_clip
    learnt = (parts.model, parts.optimizer, parts.schedule, position)
    if parts.task == "reconstruct":
        return ReconstructTask(*learnt, spec, seed=config.seed, gradient_clip=clip)
    weights = None
    if config.loss.class_weights == "balanced":
        weights = balanced_weights(splits.train.labels, spec.num_classes)
    return ClassifyTask(
        *learnt,
        seed=config.seed,
        gradient_clip=clip,
        label_smoothing=config.loss.label_smoothing,
        class_weights=weights,
    )


def _callbacks(
    config: RunConfig, parts: Assembly, folder: RunDir, checkpoint: RunCheckpoint, title: str
) -> list[Callback]:
    callbacks: list[Callback] = []
    metric = config.metric
    if config.trainer.early_stopping is not None and metric != "last":
        callbacks.append(EarlyStop(metric, config.trainer.early_stopping))
    return [
        *callbacks,
        MetricsFile(folder.metrics_file),
        TensorBoardScalars(),
        Progress(epochs=parts.epochs, title=title),
        checkpoint,
    ]
