"""What a run leaves behind at its end: logits, result row, a picture of the test, HPARAMS."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import f1_score

from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import Splits
from cnnlab.data.loading.normalise import Normalise
from cnnlab.explain.cost import Cost
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.training.pictures.confusion import confusion_figure
from cnnlab.training.pictures.reconstructions import reconstruction_figure
from cnnlab.training.reconstruct import ReconstructTask
from cnnlab.training.task import ClassifyTask

NUM_PAIRS = 20  # test images in the picture of reconstructions


@dataclass(frozen=True)
class Outcome:
    """A trained and tested run, before it is written down."""

    config: RunConfig
    folder: RunDir
    model: str  # as tables show it
    cost: Cost
    spec: ImageSpec
    splits: Splits
    task: ClassifyTask | ReconstructTask
    trainer: L.Trainer
    best: dict[str, Any]


def record(outcome: Outcome) -> None:
    """Write everything; result.json last, since it says that the rest is there."""
    folder, logger = outcome.folder, outcome.trainer.logger
    assert isinstance(logger, TensorBoardLogger)
    scores = _tested(outcome, logger) if outcome.config.trainer.test else {}
    result = _result(outcome, scores)
    logger.log_hyperparams(_hyperparameters(outcome), _final_metrics(result))
    logger.finalize("success")
    folder.write_result(result)


def _tested(outcome: Outcome, logger: TensorBoardLogger) -> dict[str, Any]:
    """What the test adds to the result row; draws it for the folder and for TensorBoard."""
    task = outcome.task
    if isinstance(task, ReconstructTask):
        scores, figure, file = _reconstruction(outcome, task)
    else:
        scores, figure, file = _classification(outcome, task)
    picture = _drawn(figure)
    Image.fromarray(picture).save(file)
    logger.experiment.add_image(f"test/{file.stem}", picture, dataformats="HWC")
    return scores


def _classification(outcome: Outcome, task: ClassifyTask) -> tuple[dict[str, Any], Figure, Path]:
    """Columns of the result row, and the picture with its place; writes the logits."""
    folder = outcome.folder
    logits, labels = task.test_logits.numpy(), task.test_labels.numpy()
    np.savez(folder.logits_file, logits=logits, labels=labels)
    predicted = logits.argmax(axis=1)
    macro_f1 = f1_score(labels, predicted, average="macro", zero_division=0)
    scores = {"test_macro_f1": float(macro_f1), "num_test": len(labels)}
    title = f"{folder.name}: test set"
    figure = confusion_figure(labels, predicted, outcome.spec.class_names, title=title)
    return scores, figure, folder.confusion_file


def _reconstruction(outcome: Outcome, task: ReconstructTask) -> tuple[dict[str, Any], Figure, Path]:
    """The same of an autoencoder: test images taken at even distances."""
    folder, test = outcome.folder, outcome.splits.test
    pixels = test.pixels[torch.linspace(0, len(test) - 1, min(NUM_PAIRS, len(test))).long()]
    with eval_mode(task.model):
        outputs = task.model(Normalise(outcome.spec, task.device)(pixels.to(task.device)))
    originals = pixels.numpy() / np.float32(255)
    figure = reconstruction_figure(originals, outputs.float().cpu().numpy(), folder.name)
    return {"num_test": task.num_tested}, figure, folder.reconstructions_file


def _drawn(figure: Figure) -> Any:
    """The picture as uint8 (H, W, 3), drawn once for the file and for TensorBoard."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def _result(outcome: Outcome, scores: dict[str, Any]) -> dict[str, Any]:
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
        "trainable_params": sum(
            p.numel() for p in outcome.task.model.parameters() if p.requires_grad
        ),
        "macs": outcome.cost.macs,
        "epochs": int(metrics["epoch"].max()),
        "steps": int(metrics["step"].max()),
        "best_epoch": int(best["epoch"]),
        **{name: float(best[name]) for name in ("val_acc", "val_loss") if name in best},
        **outcome.task.test_metrics,
        **scores,
        "train_seconds": float(metrics["seconds"].sum()),
        "images_per_second": float(metrics["images_per_second"].mean()),
        "precision": str(outcome.trainer.precision),
        "accelerator": outcome.trainer.strategy.root_device.type,
        "split": splits.digest,
        "num_train": len(splits.train.labels),
        "num_val": len(splits.val.labels),
    }


def _hyperparameters(outcome: Outcome) -> dict[str, Any]:
    """Flat scalars for the HPARAMS tab: what people sweep."""
    plain = outcome.config.to_dict()
    flat: dict[str, Any] = {key: plain[key] for key in ("seed", "batch_size")}
    for group in ("model", "data", "optim", "schedule", "init", "trainer", "loss"):
        for key, value in plain[group].items():
            scalar = value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
            flat[group if key == "name" else f"{group}.{key}"] = scalar
    return {**flat, "model": outcome.model}


def _final_metrics(result: dict[str, Any]) -> dict[str, float]:
    names = ("val_acc", "val_loss", "test_acc", "test_loss", "params", "macs", "train_seconds")
    return {f"final/{name}": float(result[name]) for name in names if name in result}
