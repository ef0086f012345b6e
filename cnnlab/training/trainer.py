"""Lightning's Trainer, set up for chunks of steps, and quiet."""

import logging
import warnings
from collections.abc import Sequence
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger

Accelerator = Literal["auto", "cpu", "gpu", "mps"]
Precision = Literal["auto", "32", "bf16", "16"]


def make_trainer(
    *,
    epochs: int,
    callbacks: Sequence[Callback] = (),
    logger: Logger | None = None,
    accelerator: Accelerator = "auto",
    devices: int = 1,
    precision: Precision = "auto",
    deterministic: bool = True,
    verbose: bool = False,
) -> pl.Trainer:
    """A Trainer for a ChunkedTask. ``trainer.precision`` tells what is really computed with.

    Clipping, accumulation and limits belong to the task and its data: Lightning would count
    chunks. Without ``verbose`` only its errors are heard.
    """
    _quieten(logging.INFO if verbose else logging.ERROR)
    # Deterministic torch also fills new memory, to show who reads it unwritten: not our question.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return pl.Trainer(
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=logger or False,
        accelerator=accelerator,
        devices=devices,
        precision=lightning_precision(precision, accelerator),
        deterministic=deterministic,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _quieten(level: int) -> None:
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(level)
    # Frozen batch norm layers are meant to be in eval mode.
    warnings.filterwarnings("ignore", r"Found \d+ module\(s\) in eval mode")
    # Lightning 2.6 with torch 2.12 or newer; nobody who uses cnnlab can do anything about it.
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", FutureWarning)


def lightning_precision(
    precision: Precision, accelerator: Accelerator
) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Lightning's word for a precision.

    ``auto`` is bfloat16 on a GPU that computes in it, else 32 bit. float16 exists on GPUs only:
    a CPU takes bfloat16 in its place.
    """
    on_gpu = accelerator in ("auto", "gpu") and torch.cuda.is_available()
    if precision == "auto":
        return "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported() else "32-true"
    if precision == "16":
        on_mps = accelerator != "cpu" and torch.backends.mps.is_available()
        return "16-mixed" if on_gpu or on_mps else "bf16-mixed"
    return "bf16-mixed" if precision == "bf16" else "32-true"
