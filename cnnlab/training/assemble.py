"""Data set, model, optimiser and schedule of one config, and the check that they fit together."""

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab.config.options import DEFAULT_EPOCHS, RunConfig
from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.augment import Augment, BatchAugmentation
from cnnlab.data.loading.chunks import steps_per_epoch
from cnnlab.explain.cost import Cost, count
from cnnlab.explain.impossible_size import refuse_impossible_size
from cnnlab.registry import DATASETS, MODELS, OPTIMIZERS, SCHEDULES, CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.task import Task
from cnnlab.text import first_line, plural
from cnnlab.training.augmentations import check_augmentations, make_augmentations
from cnnlab.training.limits import (
    images_at_a_time,
    refuse_augment_beyond,
    refuse_large_images,
    refuse_large_model,
    refuse_overfit_beyond,
    refuse_short_average,
    refuse_short_profile,
    refuse_uneven_batch,
    refuse_useless_pictures,
)
from cnnlab.training.optim import sgd_lr
from cnnlab.training.param_groups import NamedParameters, trained_parameters
from cnnlab.training.schedule import Schedule
from cnnlab.training.transfer import find_head, freeze, start
from cnnlab.training.try_criterion import try_criterion

ONE_VALUE = "Expected more than 1 value per channel"  # how torch's batch norm refuses one image


@dataclass(frozen=True)
class Assembly:
    """What a run is made of, before any image is read."""

    config: RunConfig  # trainer.epochs and optim.lr as numbers
    dataset: ImageDataset
    model: nn.Module
    head: frozenset[str]  # names of the last layer's parameters, where an option asks for them
    optimizer: Optimizer
    schedule: Schedule
    task: Task
    steps_per_epoch: int  # optimiser steps
    total_steps: int
    epochs: int  # the last one may be cut short by max_steps
    augmentations: tuple[BatchAugmentation, ...] = ()  # of ``augment=[...]``, in their order


def assemble(
    config: RunConfig, device: str = "cpu", *, dataset: ImageDataset | None = None
) -> Assembly:
    """Build the parts of a run; on ``device="meta"`` without memory or initialisation.

    Args:
        dataset: the config's, where it is built already.

    Raises:
        CnnlabError: one of them, or their combination, is impossible.
    """
    dataset = dataset or build(DATASETS, config.data)
    assert dataset is not None
    _refuse_unfinished(dataset, config.data["name"])
    _refuse_color_of_grey(dataset.augment, dataset.spec)
    refuse_large_images(dataset.spec)
    refuse_augment_beyond(dataset.augment, dataset.spec)
    refuse_uneven_batch(config)
    refuse_useless_pictures(config)
    per_epoch = _steps(config, dataset.num_train)
    refuse_overfit_beyond(config, dataset.num_train)
    config = _resolve_trainer(config, per_epoch)
    total = int(min(config.epochs * per_epoch, config.trainer.max_steps or math.inf))
    refuse_short_profile(config, total)
    refuse_short_average(config, per_epoch, total)
    with torch.device(device):
        model: nn.Module = build(MODELS, config.model, dataset.spec)
        config = _with_lr(config, model)
        head = _head(config, model, dataset.spec)
        if config.init.freeze is not None:
            freeze(model, config.init.freeze, head if config.init.head == "new" else frozenset())
        optimizer: Optimizer = build(OPTIMIZERS, config.optim, _trained(config, model, head))
    schedule: Schedule = build(SCHEDULES, config.schedule, total, per_epoch)
    _check_length(config, schedule, per_epoch)
    return Assembly(
        config,
        dataset,
        model,
        head,
        optimizer,
        schedule,
        config.task,
        per_epoch,
        total,
        math.ceil(total / per_epoch),
        tuple(make_augmentations(config, dataset.spec)),
    )


def _resolve_trainer(config: RunConfig, per_epoch: int) -> RunConfig:
    """``trainer.epochs`` as a number: 10, or as many as ``max_steps`` needs."""
    trainer = config.trainer
    epochs = trainer.epochs
    if epochs is None:
        epochs = max(DEFAULT_EPOCHS, math.ceil((trainer.max_steps or 0) / per_epoch))
    return dataclasses.replace(config, trainer=dataclasses.replace(trainer, epochs=epochs))


def _with_lr(config: RunConfig, network: nn.Module) -> RunConfig:
    """SGD's ``optim.lr`` as a number."""
    if config.optim["name"] != "sgd" or config.optim["lr"] is not None:
        return config
    lr = MODELS[config.model["name"]].sgd_lr or sgd_lr(network)
    return dataclasses.replace(config, optim={**config.optim, "lr": lr})


def _backbone_lr(config: RunConfig) -> float:
    return float(config.optim.get("backbone_lr", 1))


def _head(config: RunConfig, model: nn.Module, spec: ImageSpec) -> frozenset[str]:
    if config.init.head == "keep" and _backbone_lr(config) == 1:
        return frozenset()
    with _refuse_unfit_images(config, spec):
        return find_head(model, spec)


def _trained(config: RunConfig, model: nn.Module, head: frozenset[str]) -> NamedParameters:
    """What the optimiser changes: whatever is not frozen."""
    trained = trained_parameters(model, head)
    if _backbone_lr(config) != 1 and (not trained.head or len(trained.head) == len(trained.named)):
        frozen = "all but the last layer" if trained.head else "the last layer"
        raise CnnlabError(f"optim.backbone_lr={_backbone_lr(config):g}: {frozen} is frozen")
    return trained


@contextmanager
def _refuse_unfit_images(config: RunConfig, spec: ImageSpec) -> Iterator[None]:
    """Turn a network's error over images that do not fit it into a refusal."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as error:
        name, reason = config.model["name"], first_line(error)
        if reason.startswith(ONE_VALUE):
            raise CnnlabError(
                f"model={name}: batch norm cannot train on one image at a time; give "
                f"batch_size={2 * config.trainer.devices} or more"
            ) from error
        raise CnnlabError(f"model={name} cannot take images of {spec}: {reason}") from error


def _steps(config: RunConfig, num_train: int) -> int:
    accumulate = config.trainer.accumulate
    if config.batch_size * accumulate > num_train:
        times = f" x trainer.accumulate={accumulate}" if accumulate > 1 else ""
        raise CnnlabError(
            f"batch_size={config.batch_size}{times} is larger than the training set: "
            f"{config.data['name']} has {num_train} images"
        )
    return steps_per_epoch(num_train, config.batch_size, accumulate)


def _check_length(config: RunConfig, schedule: Schedule, per_epoch: int) -> None:
    """A schedule must fit into the epochs, but for a trial run: its first steps, by ``max_steps``.

    A run of more steps than the default epochs have is no trial run.
    """
    steps = config.trainer.max_steps
    if steps is not None and config.epochs == DEFAULT_EPOCHS and steps <= config.epochs * per_epoch:
        return
    try:
        schedule.check_length(config.epochs * per_epoch)
    except ValueError as error:
        raise CnnlabError(f"schedule={config.schedule['name']}: {error}") from error


def _refuse_unfinished(dataset: ImageDataset, name: str) -> None:
    """Refuse a user's data set that lacks an attribute that every one must have."""
    for attribute in ("spec", "num_train", "num_val"):
        if not hasattr(dataset, attribute):
            raise CnnlabError(f"data={name}: {type(dataset).__name__} has no {attribute}")


def _refuse_color_of_grey(augment: Augment, spec: ImageSpec) -> None:
    if augment.color and spec.channels != 3:
        raise CnnlabError(
            f"data.augment.color={augment.color:g} shifts red, green and blue; "
            f"images of {spec} have {plural(spec.channels, 'channel')}"
        )


def _refuse_missing_device(accelerator: str, devices: int) -> None:
    has = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not has.get(accelerator, True):
        name = {"gpu": "GPU", "mps": "Apple GPU"}[accelerator]
        raise CnnlabError(
            f"trainer.accelerator={accelerator}: this machine has no {name}; use auto or cpu"
        )
    if accelerator in ("gpu", "auto") and has["gpu"] and devices > torch.cuda.device_count():
        gpus = plural(torch.cuda.device_count(), "GPU")
        raise CnnlabError(f"trainer.devices={devices}: this machine has {gpus}")


def preflight(config: RunConfig) -> tuple[RunConfig, Cost]:
    """Assemble on the meta device and push one batch shape through: milliseconds, no download.

    Returns:
        The config with ``trainer.epochs`` and ``optim.lr`` as numbers, and the model's cost.

    Raises:
        CnnlabError: the run is impossible.
    """
    _refuse_missing_device(config.trainer.accelerator, config.trainer.devices)
    if config.trainer.compile:
        from cnnlab.training.compiled_step import refuse_missing_compiler  # loads Lightning

        refuse_missing_compiler(config.trainer)
    name = config.model["name"]
    with refuse_impossible_size(name):
        parts = assemble(config, "meta")
        spec = parts.dataset.spec
        check_augmentations(config, parts.augmentations, spec)
        refuse_large_model(name, sum(p.numel() for p in parts.model.parameters()))
        batch = torch.empty(images_at_a_time(config), *spec.shape, device="meta")
        with _refuse_unfit_images(config, spec):
            outputs = parts.model.train()(batch)
    required = parts.task.output_shape(spec, len(batch))
    if tuple(outputs.shape) != required:
        raise CnnlabError(
            f"model={name} gives {tuple(outputs.shape)} for {plural(len(batch), 'image')}; "
            f"{parts.task.output} must be {required}"
        )
    try_criterion(config, parts.dataset)
    if config.init.from_ is not None and config.resume is None:
        start(parts.model, config.init, parts.head)
    return parts.config, count(parts.model, spec)
