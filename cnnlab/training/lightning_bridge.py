"""Every touch of what Lightning does not promise: names that start with _, and loops' counters.

``tests/training/test_lightning_bridge.py`` says when a new version has changed one of them.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn


def is_fitting(trainer: pl.Trainer) -> bool:
    """Whether ``fit`` runs, with its validations; not ``test``."""
    return trainer.state.fn == TrainerFn.FITTING


def grad_scaler(trainer: pl.Trainer) -> torch.amp.GradScaler | None:
    """What scales the loss of float16 training; None in other precisions."""
    return getattr(trainer.precision_plugin, "scaler", None)


def remove_loop_state(checkpoint: dict[str, Any]) -> None:
    """Keep Lightning's counters out of a checkpoint: they are set from the position."""
    del checkpoint["loops"]


def set_epochs_done(trainer: pl.Trainer, epochs: int) -> None:
    """Make ``trainer.current_epoch`` continue after this number of epochs."""
    progress = trainer.fit_loop.epoch_progress.current
    progress.completed = epochs
    progress.processed = epochs  # type: ignore[attr-defined]


def set_optimizer_steps(trainer: pl.Trainer, steps: int, logged: int) -> None:
    """Make ``trainer.global_step`` count optimiser steps, where Lightning counts chunks.

    ``logged`` is the step under which loggers enter what ``self.log`` gives them.
    """
    loop = trainer.fit_loop.epoch_loop
    loop.manual_optimization.optim_step_progress.total.completed = steps
    loop._batches_that_stepped = logged


@contextlib.contextmanager
def keyboard_interrupt(trainer: pl.Trainer) -> Iterator[None]:
    """For a fit, whose SystemExit after Ctrl-C becomes KeyboardInterrupt again.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        yield
    except SystemExit as error:
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise


def leave_signals(trainer: pl.Trainer) -> None:
    """Keep Lightning's signal handler out: on SIGTERM it enters a collective, wherever it is."""
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]


def silence(*, verbose: bool) -> None:
    """Let only Lightning's errors be heard, or its notes too where ``verbose``."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.ERROR)
    # Frozen batch norm layers are meant to be in eval mode.
    warnings.filterwarnings("ignore", r"Found \d+ module\(s\) in eval mode")
    # Lightning 2.6 with torch 2.12 or newer; nobody who uses cnnlab can do anything about it.
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", FutureWarning)


def finish_loggers(trainer: pl.Trainer, *, failed: bool) -> None:
    """End sessions that would otherwise continue into the next run of this process."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger) and trainer.is_global_zero:
            logger.experiment.finish(exit_code=int(failed))
