"""Options beyond what images, devices and memory allow, refused before any work starts."""

import math

import torch

from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.data.loading.augment import Augment
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.text import as_typed, plural

FLOAT = 4  # bytes
MAX_NUMBERS = 2**30  # in one image: 4 GB of input
PROFILER_WARMUP, PROFILED = 2, 5  # optimiser steps: with the profiler unrecorded, recorded
PROFILER_STEPS = 1 + PROFILER_WARMUP + PROFILED  # in all; the first fills caches
MAX_WEIGHTS = 2**40  # bytes: a terabyte of weights, besides their gradients, is no lab's network


def refuse_missing_device(options: TrainerConfig) -> None:
    """Refuse devices that this machine does not have, and what its CPU cannot do.

    Raises:
        CnnlabError: one is missing, or batch norm is not to be synchronised.
    """
    accelerator, devices = options.accelerator, options.devices
    has = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not has.get(accelerator, True):
        name = {"gpu": "GPU", "mps": "Apple GPU"}[accelerator]
        raise CnnlabError(
            f"trainer.accelerator={accelerator}: this machine has no {name}; use auto or cpu"
        )
    on_gpu = accelerator in ("gpu", "auto") and has["gpu"]
    if on_gpu and devices > torch.cuda.device_count():
        gpus = plural(torch.cuda.device_count(), "GPU")
        raise CnnlabError(f"trainer.devices={devices}: this machine has {gpus}")
    if options.sync_batchnorm and options.processes == 1:
        raise CnnlabError("trainer.sync_batchnorm=true needs trainer.devices=2 or more")
    if options.sync_batchnorm and not on_gpu:
        raise CnnlabError("trainer.sync_batchnorm=true needs GPUs: torch has none for a CPU")


def refuse_large_images(spec: ImageSpec) -> None:
    """Refuse images of more than a billion numbers each.

    Raises:
        CnnlabError: they are larger.
    """
    if spec.num_features > MAX_NUMBERS:
        raise CnnlabError(
            f"images of {spec} are {spec.num_features * FLOAT / 1e9:,.1f} GB each: "
            "give a smaller data.size"
        )


def refuse_augment_beyond(augment: Augment, spec: ImageSpec) -> None:
    """Refuse a crop or cutout that can leave nothing of an image.

    Raises:
        CnnlabError: its size is not below that of the images.
    """
    side = min(spec.height, spec.width)
    for name, pixels, effect in (
        ("crop", augment.crop, "a window could contain only padding"),
        ("cutout", augment.cutout, "a square could cover the whole image"),
    ):
        if pixels >= side:
            raise CnnlabError(
                f"data.augment.{name}={pixels}: {effect}; for images of {spec} at most {side - 1}"
            )


def refuse_uneven_batch(config: RunConfig) -> None:
    """Refuse a batch that the devices cannot share equally.

    Raises:
        CnnlabError: they cannot; the nearest sizes that they can are named.
    """
    size, devices = config.batch_size, config.trainer.processes
    if size % devices:
        below, above = size // devices * devices, -(-size // devices) * devices
        nearest = f"{below} or {above}" if below else f"{above}"
        nodes = f" x trainer.nodes={config.trainer.nodes}" if config.trainer.nodes > 1 else ""
        shared = f"trainer.devices={config.trainer.devices}{nodes}"
        raise CnnlabError(f"batch_size={size} is not divisible by {shared}; give {nearest}")


def refuse_overfit_beyond(config: RunConfig, num_train: int) -> None:
    """Refuse more batches to overfit than there are.

    Raises:
        CnnlabError: they need more images than the training set has.
    """
    batches, most = config.trainer.overfit or 0, num_train // config.batch_size
    if batches > most:
        raise CnnlabError(
            f"trainer.overfit={batches}: the {num_train:,} training images are {most} batches of "
            f"batch_size={config.batch_size}; give {most} or less"
        )


def refuse_short_profile(config: RunConfig, total_steps: int) -> None:
    """Refuse to profile a run that ends before it has warmed up.

    Raises:
        CnnlabError: it has too few steps.
    """
    if config.trainer.profile and total_steps < PROFILER_STEPS:
        raise CnnlabError(
            f"trainer.profile=true takes {PROFILER_STEPS} optimiser steps, and the run has "
            f"{total_steps}; give trainer.max_steps={PROFILER_STEPS} or more"
        )


def refuse_short_average(config: RunConfig, steps_per_epoch: int, total_steps: int) -> None:
    """Refuse SWA in a run that max_steps ends before an epoch to average is complete.

    A trial run, of less than one epoch, is allowed.

    Raises:
        CnnlabError: it does.
    """
    if "swa" not in config.callbacks:
        return
    start = config.callbacks["swa"]["start"]
    complete, epochs = total_steps // steps_per_epoch, math.ceil(total_steps / steps_per_epoch)
    if 0 < complete <= start * epochs:
        raise CnnlabError(
            f"callbacks=[swa]: trainer.max_steps={config.trainer.max_steps} ends within epoch "
            f"{epochs}, and callbacks.swa.start={start:g} averages no epoch before it; "
            f"give trainer.max_steps={epochs * steps_per_epoch} or a smaller start"
        )


def refuse_useless_pictures(config: RunConfig) -> None:
    """Refuse pictures that no logger takes, and mistakes where there are no classes.

    Raises:
        CnnlabError: trainer.pictures asks for such.
    """
    pictures = config.trainer.pictures
    if pictures and not set(config.logger) - {"csv"}:
        raise CnnlabError(
            f"trainer.pictures={as_typed(list(pictures))} needs a logger that takes pictures: "
            "logger=[tensorboard]"
        )
    if "mistakes" in pictures and config.task.output != "logits":
        raise CnnlabError(
            f"trainer.pictures=[mistakes]: model={config.model['name']} has no classes to mistake"
        )


def images_at_a_time(config: RunConfig) -> int:
    """Images that a network sees at a time while it trains, or 2 if they are more."""
    return min(2, config.batch_size // config.trainer.processes)


def refuse_large_model(model: str, params: int) -> None:
    """Refuse a network whose weights no memory holds.

    Raises:
        CnnlabError: they are more than a terabyte.
    """
    if params * FLOAT > MAX_WEIGHTS:
        raise CnnlabError(
            f"model={model}: {params:.3g} parameters are {params * FLOAT / 1e12:,.1f} TB of weights"
        )
