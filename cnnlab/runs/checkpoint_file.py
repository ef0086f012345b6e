"""Checkpoint files: whether one is whole, and reading it.

A checkpoint is a zip archive, which holds a checksum (CRC-32) of each of its parts. torch writes
these and does not look at them when it loads.
"""

import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import copy
from cnnlab.runs.run_dir import RunDir
from cnnlab.text import first_line

PARTS = {"state_dict", "optimizer_states", "position"}  # of a run's checkpoint, among others


def damage(path: Path) -> str | None:
    """Why a checkpoint cannot be used; None for a whole one. Reads every byte."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # of a damaged archive zipfile raises nearly anything
        return first_line(error) or type(error).__name__
    return None if damaged is None else f"the checksum of {damaged} is wrong"


def read_checkpoint(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """A checkpoint's content, on the CPU; of a ``mapped`` one, tensors are read when used.

    Raises:
        CnnlabError: it is missing, damaged, or no checkpoint of a run.
    """
    import torch

    if not path.is_file():
        raise CnnlabError(f"{path}: no such checkpoint")
    reason = damage(path)
    if reason is None:
        try:
            content = torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)
            if isinstance(content, dict) and content.keys() >= PARTS:
                return content
            reason = "not a checkpoint of a run"
        except pickle.UnpicklingError:  # torch's text advises to load it all the same
            reason = "holds more than tensors and plain data"
        except (RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
            reason = first_line(error)
    raise CnnlabError(f"{path}: cannot be read as a checkpoint: {reason}")


def last_state(run: RunDir) -> dict[str, Any] | None:
    """The training state that a run would continue from; None where it has no checkpoint.

    Raises:
        CnnlabError: it has checkpoints, and none can be read.
    """
    errors = []
    for file in resumable(run):
        try:
            return read_checkpoint(file, mapped=True)
        except CnnlabError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return None


def resumable(run: RunDir) -> Iterator[Path]:
    """The checkpoints that there are, the latest first."""
    files = (run.last_checkpoint, run.best_checkpoint, run.best_complete_checkpoint)
    return (file for file in files if file.is_file())


def set_aside_damaged(run: RunDir) -> list[str]:
    """Rename the damaged checkpoints of a run and put the latest whole one in last.ckpt's place.

    Returns:
        a line for each of them.
    """
    files = list(resumable(run))
    reasons = {file: reason for file in files if (reason := damage(file)) is not None}
    said = []
    for file, reason in reasons.items():
        aside = file.with_name(f"{file.name}.damaged")
        file.replace(aside)
        then = "; the best epoch is chosen from the next on" if file == run.best_checkpoint else ""
        said.append(f"{file}: {reason}; set aside as {aside.name}{then}")
    whole = [file for file in files if file not in reasons]
    if run.last_checkpoint in reasons:
        said[0] += f", going on from {whole[0].name}" if whole else ", starting from the beginning"
        if whole:
            copy(whole[0], run.last_checkpoint)
    return said
