"""What a run leaves behind at its end: outputs, result row, a picture of the test, HPARAMS."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from cnnlab.data.dataset import Splits
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import Assembly
from cnnlab.training.wiring import Wiring


@dataclass(frozen=True)
class Outcome:
    """A trained and tested run, before it is written down."""

    job: Job
    run_dir: RunDir
    parts: Assembly
    splits: Splits
    wiring: Wiring


def record(outcome: Outcome) -> None:
    """Write everything; result.json last, since it says that the rest is there."""
    loggers = outcome.wiring.trainer.loggers
    scores = _test_report(outcome) if outcome.job.config.trainer.test else {}
    result = _result(outcome, scores)
    options, final = _hyperparameters(outcome.job), _final_metrics(result, outcome)
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(options, final)
        else:
            logger.log_hyperparams(options)
            logger.log_metrics(final, step=result["epochs"])
        logger.finalize("success")
    outcome.run_dir.write_result(result)


def _test_report(outcome: Outcome) -> dict[str, Any]:
    """What the test adds to the result row; writes outputs and picture as the task has them."""
    module, run_dir = outcome.wiring.module, outcome.run_dir
    task, outputs = module.task, module.test_outputs
    kept = outcome.splits.test.select(module.test_indices)
    if task.max_kept is None:
        arrays = {task.output: outputs.numpy(), "labels": kept.labels.numpy()}
        np.savez(run_dir.path / f"test_{task.output}.npz", **arrays)  # type: ignore[arg-type]
    spec = outcome.parts.dataset.spec
    figure = task.draw(outputs, kept.pixels, kept.labels, spec, run_dir.name)
    if figure is not None:
        _show(figure, task.picture, outcome)
    return {**task.scores(outputs, kept.labels), "num_test": module.num_tested}


def _show(figure: Figure, name: str, outcome: Outcome) -> None:
    """Draw once, for the folder and for the loggers that take pictures."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    Image.fromarray(picture).save(outcome.run_dir.path / f"{name}.png")
    for logger in outcome.wiring.trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(f"test/{name}", picture, dataformats="HWC")
        elif hasattr(logger, "log_image"):
            logger.log_image(f"test/{name}", [picture])


def _result(outcome: Outcome, scores: dict[str, Any]) -> dict[str, Any]:
    job, run_dir, splits = outcome.job, outcome.run_dir, outcome.splits
    module, trainer = outcome.wiring.module, outcome.wiring.trainer
    checkpoint = outcome.wiring.checkpoint
    assert checkpoint is not None
    metrics = run_dir.metrics()
    best = metrics[metrics["epoch"] == checkpoint.best["epoch"]].iloc[0]
    return {
        "name": run_dir.name,
        "sweep": run_dir.path.parent.name,
        "model": job.choices["model"],
        "data": job.config.data["name"],
        "task": module.task.name,
        "metric": module.task.metric,
        "seed": job.config.seed,
        "params": job.cost.params,
        "trainable_params": sum(p.numel() for p in module.model.parameters() if p.requires_grad),
        "macs": job.cost.macs,
        "epochs": int(metrics["epoch"].max()),
        "steps": int(metrics["step"].max()),
        "best_epoch": int(best["epoch"]),
        **{name: float(best[name]) for name in module.task.val_columns},
        **module.test_metrics,
        **scores,
        "train_seconds": float(metrics["seconds"].sum()),
        "images_per_second": float(metrics["images_per_second"].mean()),
        "precision": str(trainer.precision),
        "accelerator": trainer.strategy.root_device.type,
        "split": splits.digest,
        "num_train": len(splits.train.labels),
        "num_val": len(splits.val.labels),
    }


def _hyperparameters(job: Job) -> dict[str, Any]:
    """Flat scalars for the HPARAMS tab: what people sweep."""
    plain = job.config.to_dict()
    flat: dict[str, Any] = {key: plain[key] for key in ("seed", "batch_size")}
    for group in ("model", "data", "optim", "schedule", "init", "trainer", "loss"):
        for key, value in plain[group].items():
            scalar = value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
            flat[group if key == "name" else f"{group}.{key}"] = scalar
    return {**flat, "model": job.choices["model"]}


def _final_metrics(result: dict[str, Any], outcome: Outcome) -> dict[str, float]:
    columns = [name.removeprefix("val_") for name in outcome.parts.task.val_columns]
    names = [*(f"val_{c}" for c in columns), *(f"test_{c}" for c in columns)]
    names += ["params", "macs", "train_seconds"]
    return {f"final/{name}": float(result[name]) for name in names if name in result}
