"""Lightning's Trainer, set up for chunks of steps, and quiet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from cnnlab.config.options import TrainerConfig
from cnnlab.training.checkpoint import CheckpointFiles
from cnnlab.training.data_parallel import NetworkStrategy
from cnnlab.training.lightning_bridge import silence


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
    # Deterministic torch also fills new memory, to show who reads it unwritten: not our question.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if options.processes == 1:  # Lightning takes the rank of a SLURM task, whatever its program is
        rank_zero_only.rank = 0  # type: ignore[attr-defined]
    return pl.Trainer(
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=list(loggers),
        # Ours also for one process: Lightning would take a SLURM job, or torchrun's, as its own.
        plugins=[CheckpointFiles(), LightningEnvironment()],
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=NetworkStrategy() if options.processes > 1 else "auto",
        precision=lightning_precision(options.precision, options.accelerator),
        deterministic=options.deterministic,
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
        on_mps = accelerator != "cpu" and torch.backends.mps.is_available()
        return "16-mixed" if on_gpu or on_mps else "bf16-mixed"
    return "bf16-mixed" if precision == "bf16" else "32-true"
