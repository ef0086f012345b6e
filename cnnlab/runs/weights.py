"""Trained weights to start from: those of a finished run, or of a file."""

import functools
import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.registry import CnnlabError
from cnnlab.runs.checkpoint_file import read_checkpoint
from cnnlab.runs.ensemble_record import refuse_ensemble
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.runs.status import state_of
from cnnlab.text import first_line

if TYPE_CHECKING:
    from torch import Tensor

NESTED = ("state_dict", "model")  # where training programs put the weights in their checkpoints


def read_weights(path: str) -> "dict[str, Tensor]":
    """Tensors by name, on the CPU: a run's best epoch, a .safetensors or a .pth file.

    Files are read as tensors and plain data; none can run code.

    Raises:
        CnnlabError: there is nothing, the run is not finished, or the file has no weights.
    """
    place = Path(os.path.expanduser(path))
    if place.is_dir():
        return best_weights(_finished(place))
    if not place.is_file():
        raise CnnlabError(f"init.from={path}: no such run folder or file")
    import torch
    from safetensors.torch import load_file

    try:
        if place.suffix == ".safetensors":
            return load_file(place)
        content = torch.load(place, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file they raise nearly anything
        reason = first_line(error)
        if isinstance(error, pickle.UnpicklingError):  # torch's text advises to load it unsafely
            reason = "it holds more than tensors and plain data, or is damaged"
        raise CnnlabError(f"init.from={path}: cannot be read as weights: {reason}") from error
    weights = {name: value for name, value in _flat(content).items() if torch.is_tensor(value)}
    if not weights:
        raise CnnlabError(f"init.from={path}: has no named tensors")
    return weights


def best_weights(run: RunDir) -> "dict[str, Tensor]":
    """The model's weights, by its own names, in a run's kept checkpoint.

    Raises:
        CnnlabError: there is no checkpoint yet, or it cannot be read.
    """
    if not run.best_checkpoint.is_file():
        raise CnnlabError(f"{run}: no checkpoint yet (checkpoints/best.ckpt)")
    state = read_checkpoint(run.best_checkpoint)["state_dict"]
    prefix = "model."
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}


def weights_identity(path: str) -> dict[str, Any]:
    """What identifies weights, independent of their path.

    ``whole`` identifies them, ``group`` those of all seeds of a run. Empty where there is nothing.
    """
    place = Path(os.path.expanduser(path))
    if place.is_file():
        digest = _file_digest(place, place.stat().st_mtime_ns)
        return {"whole": digest, "group": digest}
    identity = RunDir(place).status().get("identity") or {}
    if not {"config", "sources", "group"} <= identity.keys():
        return {}
    return {"whole": [identity["config"], identity["sources"]], "group": identity["group"]}


def _finished(place: Path) -> RunDir:
    run = RunDir.open(place)
    refuse_ensemble(run, f"init.from={place}")
    if not run.is_done:
        state, error = RunState.recorded(run.status()), state_of(run)[1].get("error")
        error = f"; {first_line(error)}" if error else ""
        raise CnnlabError(f"init.from={place}: the run is not finished (state: {state}{error})")
    return run


def _flat(content: Any) -> Mapping[str, Any]:
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    return content if isinstance(content, Mapping) else {}


@functools.lru_cache
def _file_digest(file: Path, _: int) -> str:
    """The digest of a file's bytes, computed again when its modification time has changed."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
