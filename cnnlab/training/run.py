"""One run, from a checked config to a finished folder. Read it from top to bottom."""

import json
import shutil
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.metrics import f1_score

from cnnlab.config import RunConfig, seconds
from cnnlab.data.chunks import Position
from cnnlab.data.image_data import ImageData
from cnnlab.explain.cost import count
from cnnlab.registry import CnnlabError
from cnnlab.runs.confusion import confusion_figure
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.callbacks import EarlyStop, MetricsFile, TensorBoardScalars
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.environment import describe
from cnnlab.training.progress import Progress
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
    folder.write_env(describe(trainer))
    last = folder.last_checkpoint
    start = str(last) if last.is_file() else None
    trainer.fit(task, data, ckpt_path=start, weights_only=True)

    kept = torch.load(folder.best_checkpoint, map_location="cpu", weights_only=True)
    task.load_state_dict(kept["state_dict"])
    trainer.test(task, data, verbose=False)

    logits, labels = task.test_logits.numpy(), task.test_labels.numpy()
    np.savez(folder.logits_file, logits=logits, labels=labels)
    predicted = logits.argmax(axis=1)
    metrics = folder.metrics()
    best = metrics[metrics["epoch"] == checkpoint.best["epoch"]].iloc[0]
    train_seconds = float(metrics["seconds"].sum())
    result = {
        "name": folder.name,
        "sweep": folder.path.parent.name,
        "model": model,
        "data": config.data["name"],
        "seed": config.seed,
        "params": cost.params,
        "macs": cost.macs,
        "epochs": int(metrics["epoch"].max()),
        "steps": int(metrics["step"].max()),
        "best_epoch": int(best["epoch"]),
        "val_acc": float(best["val_acc"]),
        "val_loss": float(best["val_loss"]),
        **task.test_metrics,
        "test_macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "train_seconds": train_seconds,
        "images_per_second": float(metrics["images_per_second"].mean()),
        "precision": str(trainer.precision),
        "accelerator": trainer.strategy.root_device.type,
        "split": splits.digest,
        "num_train": len(splits.train.labels),
        "num_val": len(splits.val.labels),
        "num_test": len(labels),
    }
    figure = confusion_figure(labels, predicted, spec.class_names, title=f"{folder.name}: test set")
    figure.savefig(folder.confusion_file)
    logger.experiment.add_figure("test/confusion", figure)
    logger.log_hyperparams(_hyperparameters(config, model), _final_metrics(result))
    logger.finalize("success")
    folder.write_result(result)


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


def _hyperparameters(config: RunConfig, model: str) -> dict[str, Any]:
    """Flat scalars for the HPARAMS tab: what people sweep."""
    plain = config.plain()
    flat: dict[str, Any] = {"model": model, "data": config.data["name"], "seed": config.seed}
    flat["batch_size"] = config.batch_size
    for group in ("model", "optim", "schedule", "trainer", "loss"):
        for key, value in plain[group].items():
            scalar = value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
            flat[group if key == "name" else f"{group}.{key}"] = scalar
    return {**flat, "model": model}


def _final_metrics(result: dict[str, Any]) -> dict[str, float]:
    names = ("val_acc", "val_loss", "test_acc", "test_loss", "params", "macs", "train_seconds")
    return {f"final/{name}": float(result[name]) for name in names}
