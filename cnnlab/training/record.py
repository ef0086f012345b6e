"""What a run leaves behind at its end: outputs, result row, a picture of the test, HPARAMS."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from cnnlab.config.flags import flags
from cnnlab.data.dataset import Images, Splits
from cnnlab.metrics import describe_column, find_metric, metric_of_column
from cnnlab.registry import MODELS
from cnnlab.runs.contents import read_metric_columns
from cnnlab.runs.flat import with_choices
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.task import Task
from cnnlab.text import as_typed
from cnnlab.training.assemble import Assembly
from cnnlab.training.environment import result_columns
from cnnlab.training.epoch_pictures import drawn_pixels, show
from cnnlab.training.latency import single_image_latency
from cnnlab.training.loggers import picture_tag, write_session
from cnnlab.training.peak_memory import PeakMemory
from cnnlab.training.wiring import Wiring


def record(
    job: Job,
    parts: Assembly,
    splits: Splits,
    wiring: Wiring,
    environment: Mapping[str, Any],
    memory: PeakMemory,
) -> None:
    """Write what a trained and tested run leaves; result.json last: it says the rest is there.

    Args:
        environment: what ``describe`` found.
        memory: since the start of the run.
    """
    costs = {"latency_seconds": _latency(job, parts.dataset.spec, wiring), **memory.columns()}
    scores = {}
    if job.config.trainer.reads_test_set:
        scores = _test_report(job.run_dir, parts.dataset.spec, splits.test, wiring)
    paper = MODELS[job.config.model["name"]].paper
    origin = result_columns(environment) | ({"paper": paper} if paper else {})
    result = _result(job, splits, wiring, scores) | costs | origin
    options, final = _hyperparameters(job), _final_metrics(result)
    for logger in wiring.trainer.loggers:
        logger.log_hyperparams(options)
        if isinstance(logger, TensorBoardLogger):  # a scalar would be a chart of one dot
            text = _as_markdown(final)
            write_session(logger.experiment, _overridden(job), text, result["epochs"])
        else:
            logger.log_metrics(final, step=result["epochs"])
        logger.finalize("success")
    job.run_dir.write_result(result)


def _latency(job: Job, spec: ImageSpec, wiring: Wiring) -> float:
    """Of the trained network, on the run's device and in its precision, in seconds."""
    image = torch.zeros(1, *spec.shape, device=wiring.trainer.strategy.root_device)
    precision = wiring.trainer.precision_plugin.forward_context()
    is_compiled = bool(job.config.trainer.compile)
    return single_image_latency(wiring.module.model, image, precision, is_compiled=is_compiled)


def _test_report(
    run_dir: RunDir, spec: ImageSpec, images: Images, wiring: Wiring
) -> dict[str, Any]:
    """What the test adds to the result row; writes what the task has of it.

    Args:
        images: of the test set, of which the evaluation may have used a sample.
    """
    module = wiring.module
    task, outputs = module.task, module.test_outputs
    test, index = wiring.data.evaluated(images), wiring.data.evaluated_indices(images)
    if task.max_kept is None:  # not a copy, which may not fit into memory
        kept = test
        arrays = {task.output: outputs.numpy(), "labels": kept.labels.numpy()}
        np.savez(run_dir.outputs_file(task.output), **arrays)  # type: ignore[arg-type]
    else:
        kept, index = test.select(module.test_indices), index[module.test_indices]
    chosen = task.written(outputs, kept.labels)
    if chosen is None:
        task.write(run_dir.path, outputs, kept.pixels, kept.labels, index)
    else:
        some = kept.select(chosen)
        task.write(run_dir.path, outputs[chosen], some.pixels, some.labels, index[chosen])
    title = f"{run_dir.name}: test set"
    figure = task.draw(outputs, drawn_pixels(task, kept), kept.labels, spec, title)
    if figure is not None:
        file = run_dir.picture_file(task.picture)
        show(figure, file, wiring.trainer.loggers, picture_tag("test", file.stem))
    return {**task.scores(outputs, kept.labels), "num_test": module.num_tested}


def _result(job: Job, splits: Splits, wiring: Wiring, scores: dict[str, Any]) -> dict[str, Any]:
    run_dir, module, trainer = job.run_dir, wiring.module, wiring.trainer
    assert wiring.checkpoint is not None
    best, position = wiring.checkpoint.best, module.position
    rows: dict[str, list[float]] = {}
    if run_dir.metrics_file.is_file():
        columns = read_metric_columns(run_dir.metrics_file)
        rows = {name: column.tolist() for name, column in columns.items()}
    reads_test_set = job.config.trainer.reads_test_set
    evaluated = [splits.val, splits.test] if reads_test_set else [splits.val]
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
        "epochs": position.epoch + (position.step > 0),
        "steps": position.global_step,
        "best_epoch": int(best["epoch"]),
        **_validation(rows, best, job, module.task),
        **scores,
        **module.test_metrics,
        "train_seconds": position.seconds,
        "images_per_second": float(np.mean(rows.get("images_per_second", [math.nan]))),
        "precision": str(trainer.precision),
        "accelerator": trainer.strategy.root_device.type,
        "split": splits.digest,
        "num_train": len(splits.train.labels),
        "num_val": len(splits.val.labels),
        "partial": any(len(wiring.data.evaluated(part)) < len(part) for part in evaluated),
        **({} if splits.num_broken is None else {"num_broken": splits.num_broken}),
    }


def _validation(
    rows: dict[str, list[float]], best: dict[str, float], job: Job, task: Task
) -> dict[str, float]:
    """The validation columns of the best epoch; NaN where a damaged metrics.csv has lost them."""
    columns = [*task.val_columns, *(name for name in rows if name.startswith("val_"))]
    found: dict[str, float] = dict.fromkeys(columns, math.nan)
    kept = task.metric if job.config.metric == "last" else job.config.metric
    if kept in found:
        found[kept] = best["value"]
    for index, epoch in enumerate(rows.get("epoch", [])):
        if epoch == best["epoch"]:
            found |= {name: float(rows[name][index]) for name in found if name in rows}
    return found


def _hyperparameters(job: Job) -> dict[str, Any]:
    """Flat scalars: what people sweep."""
    plain = job.config.to_dict()
    flat: dict[str, Any] = {key: plain[key] for key in ("seed", "batch_size")}
    for group in ("model", "data", "optim", "schedule", "init", "trainer", "loss"):
        options = dict(plain[group])
        if "name" in options:
            flat[group] = options.pop("name")
        flat |= _scalars(group, options)
    for kind in ("callbacks", "metrics", "augment"):
        for name, options in plain[kind].items():
            flat |= {f"{kind}.{name}": True, **_scalars(f"{kind}.{name}", options)}
    return {**flat, "model": job.choices["model"]}


def _scalars(prefix: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{prefix}.{key}": v if isinstance(v, bool | int | float | str) else json.dumps(v)
        for key, v in options.items()
    }


def _overridden(job: Job) -> dict[str, int | float | str]:
    """For the HPARAMS tab, which has room for five: model, seed and what was typed."""
    row = with_choices(job.config.to_dict(), job.choices)
    shown: dict[str, int | float | str] = {}
    for key in ("model", "seed", *job.overridden):
        if key not in row and key in job.choices:  # trainer=smoke
            shown[key] = job.choices[key]
            continue
        options = [key] if key in row else [name for name in row if name.startswith(f"{key}.")]
        for option in options:
            if option == "seed" or flags(option).column != "never":
                value = row[option]
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                shown[option] = value if is_number else as_typed(value)
    return shown


def _as_markdown(final: dict[str, float]) -> str:
    """The final metrics as a table for the TEXT tab: ``| test accuracy | 93.33% |``."""
    columns = {name.removeprefix("final/"): value for name, value in final.items()}
    return "\n".join(["| | |", "|--|--:|", *(_as_row(*item) for item in columns.items())])


def _as_row(column: str, value: float) -> str:
    if find_metric(column) is None:  # from the user's component, without a format
        return f"| {column} | {value:g} |"
    return f"| {describe_column(column)} | {metric_of_column(column).show(value)} |"


def _final_metrics(result: dict[str, Any]) -> dict[str, float]:
    names = [name for name in result if name.startswith(("val_", "test_"))]
    names += ["params", "macs", "train_seconds"]
    return {f"final/{name}": float(result[name]) for name in names}
