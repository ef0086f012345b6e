"""Checkpoint files: whether one is whole, and reading it.

A checkpoint is a zip archive, which holds a checksum (CRC-32) of each of its parts. torch writes
these but does not check them when it loads.
"""

import pickle
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.text import first_line

PARTS = {"state_dict", "optimizer_states", "position"}  # of a run's checkpoint, among others
TRAINED = "trained_state_dict"  # the weights that train on, where "state_dict" is their average
AVERAGED = "averaged_state_dict"  # that average, while training takes the others
KEEPER = "RunCheckpoint"  # the callback in whose state the best epoch is


def damage(path: Path) -> str | None:
    """Why a checkpoint cannot be used; None for a whole one. Reads every byte."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # of a damaged archive zipfile raises nearly anything
        return first_line(error) or type(error).__name__
    return None if damaged is None else "is damaged (checksum)"


def read_checkpoint(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """A checkpoint's content, on the CPU; of a ``mapped`` one, tensors are read when used.

    Raises:
        CnnlabError: it is missing, damaged, or no checkpoint of a run.
    """
    content, reason = try_checkpoint(path, mapped=mapped)
    if content is None:
        raise CnnlabError(f"{path}: {reason}")
    return content


def try_checkpoint(path: Path, *, mapped: bool = False) -> tuple[dict[str, Any] | None, str]:
    """A checkpoint's content; else None, and why it cannot be read."""
    import torch

    if not path.is_file():
        return None, "no such checkpoint"
    reason = damage(path)
    if reason is None:
        try:
            content = torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)
            if isinstance(content, dict) and content.keys() >= PARTS:
                return content, ""
            reason = "not a checkpoint of a run"
        except pickle.UnpicklingError:  # torch's text advises to load it all the same
            reason = "holds more than tensors and plain data"
        except (MemoryError, OSError):  # no fault of the file
            raise
        except Exception as error:  # of another kind of archive it raises nearly anything
            reason = first_line(error)
    return None, f"cannot be read as a checkpoint: {reason}"


def use_trained_weights(state: dict[str, Any]) -> None:
    """Make ``state_dict`` of a checkpoint the weights that were trained, where it has an average.

    The average is then under ``AVERAGED``.
    """
    if TRAINED in state:
        state[AVERAGED], state["state_dict"] = state["state_dict"], state[TRAINED]


def misfit(state: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> str:
    """Why a checkpoint's weights do not fit a model; empty where they do.

    Args:
        shapes: of the model's tensors, by name.
    """
    found = {name: getattr(value, "shape", ()) for name, value in state["state_dict"].items()}
    for name, shape in shapes.items():
        if f"model.{name}" not in found:
            return f"belongs to another model: it has no {name}"
        has = tuple(found.pop(f"model.{name}"))
        if has != tuple(shape):
            return f"belongs to another model: {name} is {has}, not {tuple(shape)}"
    others = [name for name in found if name.startswith("model.")]
    return f"belongs to another model: it has {others[0].removeprefix('model.')}" if others else ""


@dataclass(frozen=True)
class Progress:
    """How far the training of a checkpoint is.

    Attributes:
        position: finished epochs, and steps of the next one.
        best: the best epoch so far, from 1; None where it is not recorded.
        is_best: whether the weights are those of the best epoch.
    """

    position: tuple[int, int]
    best: int | None
    is_best: bool

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Progress":
        """The progress of a checkpoint's content."""
        keeper = (state.get("callbacks") or {}).get(KEEPER) or {}
        best = (keeper.get("best") or {}).get("epoch")
        epoch, step = state["position"]["epoch"], state["position"]["step"]
        is_best = best is not None and keeper.get("is_best", (step, best) == (0, epoch))
        return cls((epoch, step), best, is_best)

    @property
    def epoch(self) -> int:
        """The epoch, from 1, whose end this is, or in which it is."""
        return self.position[0] + (self.position[1] > 0)


def last_state(run: RunDir) -> dict[str, Any] | None:
    """The training state that a run would continue from, the latest; None where it has none.

    Raises:
        CnnlabError: it has checkpoints, and none can be read.
    """
    states, errors = [], []
    for file in resumable(run):
        try:
            states.append(read_checkpoint(file, mapped=True))
        except CnnlabError as error:
            errors.append(error)
    if errors and not states:
        raise errors[0]
    return max(states, key=lambda state: Progress.of(state).position, default=None)


def resumable(run: RunDir) -> Iterator[Path]:
    """The checkpoints that there are, the latest first."""
    files = (run.last_checkpoint, run.best_checkpoint, run.best_complete_checkpoint)
    return (file for file in files if file.is_file())
