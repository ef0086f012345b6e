"""Lightning's Trainer, set up for chunks of steps, and quiet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.loggers import Logger

from cnnlab.config.options import TrainerConfig
from cnnlab.training.checkpoint import CheckpointFiles
from cnnlab.training.data_parallel import NetworkStrategy
from cnnlab.training.lightning_bridge import silence
from cnnlab.training.malloc import keep_freed_memory


def make_trainer(
    options: TrainerConfig,
    epochs: int,
    *,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    folder: Path | None = None,
    verbose: bool = False,
) -> pl.Trainer:
    """A Trainer for a TrainingModule. ``trainer.precision`` says what is really computed with.

    Clipping, accumulation and limits belong to the module and its data: Lightning would count
    chunks. Without ``verbose`` only its errors are heard.

    Args:
        folder: what callbacks of the user's find as ``trainer.default_root_dir``.
    """
    silence(verbose=verbose)
    keep_freed_memory()
    _set_tf32(options)
    # Deterministic torch also fills new memory, to show who reads it unwritten: not our question.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return pl.Trainer(
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=list(loggers),
        plugins=[CheckpointFiles()],
        accelerator=options.accelerator,
        devices=options.devices,
        strategy=NetworkStrategy() if options.devices > 1 else "auto",
        precision=lightning_precision(options.precision, options.accelerator),
        deterministic=options.deterministic,
        # cuDNN times its kernels once for each shape. There are few: steps are alike, and an
        # evaluation has full batches and a last one, the same at every epoch.
        benchmark=not options.deterministic,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def trains_on_cpu(accelerator: str) -> bool:
    """Whether ``trainer.accelerator`` comes out as the CPU on this machine."""
    return accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())


def trains_on_mps(accelerator: str) -> bool:
    """Whether ``trainer.accelerator`` comes out as Apple's GPU on this machine."""
    return accelerator in ("auto", "mps") and torch.backends.mps.is_available()


def _set_tf32(options: TrainerConfig) -> None:
    """``trainer.tf32``, until the end of ``isolated``; a CPU is not concerned."""
    if options.tf32 == "auto" or options.accelerator in ("cpu", "mps"):
        return
    if not torch.cuda.is_available():
        return
    is_on = options.tf32 == "true"
    torch.set_float32_matmul_precision("high" if is_on else "highest")
    torch.backends.cudnn.allow_tf32 = is_on


def lightning_precision(
    precision: str, accelerator: str
) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Lightning's word for ``trainer.precision``.

    ``auto`` is bfloat16 on a GPU that computes in it, else 32 bit. float16 exists on GPUs only:
    a CPU takes bfloat16 instead.
    """
    on_gpu = accelerator in ("auto", "gpu") and torch.cuda.is_available()
    if precision == "auto":
        # Before the RTX 30 and A100 it is emulated, and slower than 32 bit.
        native = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if native else "32-true"
    if precision == "16":
        return "16-mixed" if on_gpu or trains_on_mps(accelerator) else "bf16-mixed"
    return "bf16-mixed" if precision == "bf16" else "32-true"
