"""What a run leaves behind at its end: logits, result row, confusion picture, HPARAMS."""

import json
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from sklearn.metrics import f1_score

from cnnlab.config import RunConfig
from cnnlab.data.dataset import Splits
from cnnlab.explain.cost import Cost
from cnnlab.runs.confusion import confusion_figure
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.training.task import ClassifyTask


@dataclass(frozen=True)
class Outcome:
    """A trained and tested run, before it is written down."""

    config: RunConfig
    folder: RunDir
    model: str  # as tables show it
    cost: Cost
    spec: ImageSpec
    splits: Splits
    task: ClassifyTask
    trainer: L.Trainer
    best: dict[str, Any]


def record(outcome: Outcome) -> None:
    """Write everything; result.json last, since it says that the rest is there."""
    folder, task = outcome.folder, outcome.task
    logits, labels = task.test_logits.numpy(), task.test_labels.numpy()
    np.savez(folder.logits_file, logits=logits, labels=labels)
    predicted = logits.argmax(axis=1)
    result = _result(outcome, labels, predicted)
    logger = outcome.trainer.logger
    assert isinstance(logger, TensorBoardLogger)
    picture = _confusion(outcome, labels, predicted)
    Image.fromarray(picture).save(folder.confusion_file)
    logger.experiment.add_image("test/confusion", picture, dataformats="HWC")
    logger.log_hyperparams(_hyperparameters(outcome), _final_metrics(result))
    logger.finalize("success")
    folder.write_result(result)


def _confusion(outcome: Outcome, labels: Any, predicted: Any) -> Any:
    """The picture as uint8 (H, W, 3), drawn once for the file and for TensorBoard."""
    title = f"{outcome.folder.name}: test set"
    canvas = FigureCanvasAgg(
        confusion_figure(labels, predicted, outcome.spec.class_names, title=title)
    )
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def _result(outcome: Outcome, labels: Any, predicted: Any) -> dict[str, Any]:
    config, folder, splits = outcome.config, outcome.folder, outcome.splits
    metrics = folder.metrics()
    best = metrics[metrics["epoch"] == outcome.best["epoch"]].iloc[0]
    return {
        "name": folder.name,
        "sweep": folder.path.parent.name,
        "model": outcome.model,
        "data": config.data["name"],
        "seed": config.seed,
        "params": outcome.cost.params,
        "macs": outcome.cost.macs,
        "epochs": int(metrics["epoch"].max()),
        "steps": int(metrics["step"].max()),
        "best_epoch": int(best["epoch"]),
        "val_acc": float(best["val_acc"]),
        "val_loss": float(best["val_loss"]),
        **outcome.task.test_metrics,
        "test_macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "train_seconds": float(metrics["seconds"].sum()),
        "images_per_second": float(metrics["images_per_second"].mean()),
        "precision": str(outcome.trainer.precision),
        "accelerator": outcome.trainer.strategy.root_device.type,
        "split": splits.digest,
        "num_train": len(splits.train.labels),
        "num_val": len(splits.val.labels),
        "num_test": len(labels),
    }


def _hyperparameters(outcome: Outcome) -> dict[str, Any]:
    """Flat scalars for the HPARAMS tab: what people sweep."""
    plain = outcome.config.plain()
    flat: dict[str, Any] = {key: plain[key] for key in ("seed", "batch_size")}
    for group in ("model", "data", "optim", "schedule", "trainer", "loss"):
        for key, value in plain[group].items():
            scalar = value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
            flat[group if key == "name" else f"{group}.{key}"] = scalar
    return {**flat, "model": outcome.model}


def _final_metrics(result: dict[str, Any]) -> dict[str, float]:
    names = ("val_acc", "val_loss", "test_acc", "test_loss", "params", "macs", "train_seconds")
    return {f"final/{name}": float(result[name]) for name in names}
