"""Data set, model, optimiser and schedule of one config, and the check that they fit together."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab.config import RunConfig
from cnnlab.data.chunks import steps_per_epoch
from cnnlab.data.dataset import ImageDataset
from cnnlab.explain.cost import Cost, count
from cnnlab.registry import DATASETS, MODELS, OPTIMIZERS, SCHEDULES, CnnlabError, Task
from cnnlab.schema import build
from cnnlab.training.schedule import Schedule


@dataclass(frozen=True)
class Assembly:
    """What a run is made of, before any image is read."""

    dataset: ImageDataset
    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    task: Task
    steps_per_epoch: int  # optimiser steps
    total_steps: int
    epochs: int  # the last one may be cut short by max_steps


def assemble(config: RunConfig, device: str = "cpu") -> Assembly:
    """Build the parts of a run; on ``device="meta"`` without memory or initialisation.

    Raises:
        CnnlabError: one of them, or their combination, cannot be.
    """
    dataset: ImageDataset = build(DATASETS, config.data)
    per_epoch = _steps(config, dataset.num_train)
    total = min(config.trainer.epochs * per_epoch, config.trainer.max_steps or math.inf)
    with torch.device(device):
        model: nn.Module = build(MODELS, config.model, dataset.spec)
        optimizer: Optimizer = build(OPTIMIZERS, config.optim, model.parameters())
    schedule: Schedule = build(SCHEDULES, config.schedule, int(total), per_epoch)
    return Assembly(
        dataset,
        model,
        optimizer,
        schedule,
        MODELS[config.model["name"]].task,
        per_epoch,
        int(total),
        math.ceil(total / per_epoch),
    )


def _steps(config: RunConfig, num_train: int) -> int:
    accumulate = config.trainer.accumulate
    if config.batch_size * accumulate > num_train:
        times = f" x trainer.accumulate={accumulate}" if accumulate > 1 else ""
        raise CnnlabError(
            f"batch_size={config.batch_size}{times} is larger than the training set: "
            f"{config.data['name']} has {num_train} images"
        )
    return steps_per_epoch(num_train, config.batch_size, accumulate)


def _refuse_missing_device(accelerator: str, devices: int) -> None:
    has = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not has.get(accelerator, True):
        name = {"gpu": "GPU", "mps": "Apple GPU"}[accelerator]
        raise CnnlabError(
            f"trainer.accelerator={accelerator}: there is no {name} here; auto or cpu"
        )
    if accelerator in ("gpu", "auto") and has["gpu"] and devices > torch.cuda.device_count():
        raise CnnlabError(f"trainer.devices={devices}: there are {torch.cuda.device_count()} GPUs")


def preflight(config: RunConfig) -> Cost:
    """Assemble on the meta device and push one batch shape through: milliseconds, no download.

    Raises:
        CnnlabError: the run cannot be.
    """
    _refuse_missing_device(config.trainer.accelerator, config.trainer.devices)
    parts = assemble(config, "meta")
    spec, name = parts.dataset.spec, config.model["name"]
    batch = torch.empty(2, *spec.shape, device="meta")
    try:
        logits = parts.model.train()(batch)
    except (RuntimeError, ValueError, TypeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CnnlabError(f"model={name} cannot take images of {spec}: {first}") from error
    if parts.task == "classify" and tuple(logits.shape) != (2, spec.num_classes):
        raise CnnlabError(
            f"model={name} gives {tuple(logits.shape)} for 2 images; "
            f"logits must be (2, {spec.num_classes})"
        )
    return count(parts.model, spec)
