"""The cache of what ``cnnlab bench --tune`` has chosen, from which ``trainer=tuned`` is filled.

A file for each network, batch size, machine and version of torch. It holds options as they are
typed, and ``trainer=tuned`` sets them as if they were: a run's saved config has their values.
"""

import functools
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from cnnlab.bench.axes import usable_cores
from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.config.parse import parse
from cnnlab.config.schema import build, to_dict
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.load import accelerator_device
from cnnlab.discovery import named_imports
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.essential import digest
from cnnlab.spec import ImageSpec
from cnnlab.text import as_typed
from cnnlab.training.environment import device_name

OF_KEY = ("experiment", "model", "data", "batch_size", "trainer.accelerator", "trainer.accumulate")


def tuned_folder() -> Path:
    """``$XDG_CACHE_HOME/cnnlab/tuned``, or that below ``~/.cache``."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path("~/.cache").expanduser()) / "cnnlab" / "tuned"


def cache_key(config: RunConfig, spec: ImageSpec) -> dict[str, Any]:
    """What a choice is for: nothing else about a run changes which options are the fastest."""
    device = accelerator_device(config.trainer.accelerator)
    accumulate = config.trainer.accumulate
    return {
        "device": device_name(device),
        "cores": usable_cores(),
        "torch": torch.__version__,
        "model": to_dict(config.model),
        "shape": list(spec.shape),
        "num_classes": spec.num_classes,
        "batch_size": config.batch_size,
        **({"accumulate": accumulate} if accumulate > 1 else {}),  # older files have none
    }


def cache_file(key: Mapping[str, Any]) -> Path:
    """The file of a key, which may not exist."""
    return tuned_folder() / f"{key['model']['name']}-{digest(key)}.json"


def save(key: Mapping[str, Any], options: Mapping[str, str], measured: Mapping[str, Any]) -> Path:
    """Keep a choice, in the place of an older one for the same key.

    Args:
        options: as typed, by their keys.
        measured: what it was chosen by, for people.

    Raises:
        OSError: it cannot be written.
    """
    file = cache_file(key)
    file.parent.mkdir(parents=True, exist_ok=True)
    entry = {"key": dict(key), "options": dict(options), "measured": dict(measured)}
    write_text(file, json.dumps(entry, indent=1) + "\n")
    return file


def load(key: Mapping[str, Any]) -> dict[str, str] | None:
    """The chosen options of a key; None where there is no such file, or it is damaged."""
    try:
        entry = json.loads(cache_file(key).read_text())
        options = entry["options"]
        return {str(name): str(value) for name, value in options.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def with_tuned_options(config: RunConfig, typed: Sequence[tuple[str, str]]) -> RunConfig:
    """The config with the options of the cache, but for those that somebody has set.

    Says which they are, in words to copy, once for each network and batch size.

    Args:
        config: checked, of the command that chooses ``trainer=tuned``.
        typed: the command's overrides, key and value.

    Raises:
        CnnlabError: there is no choice for this network on this machine.
    """
    dataset: ImageDataset = build(DATASETS, config.data)
    options = load(cache_key(config, dataset.spec))
    if options is None:
        words = [f"{key}={value}" for key, value in typed if _is_of_key(key)]
        device = accelerator_device(config.trainer.accelerator)
        imports = [word for module in named_imports() for word in ("--import", module)]
        raise CnnlabError(
            f"trainer=tuned: {config.model['name']} with batches of {config.batch_size} has not "
            f"been tuned on {device_name(device)}; first run: "
            f"{shlex.join(['cnnlab', 'bench', '--tune', *imports, *words])}"
        )
    content = config.to_dict()
    trainer, defaults = content["trainer"], to_dict(TrainerConfig())
    keys = {key for key, _ in typed}
    taken, lines = [], []
    for key, value in options.items():
        name = key.removeprefix("trainer.")
        if name not in defaults:
            continue
        is_set = key in keys or trainer[name] != defaults[name]  # typed, or by a recipe
        if is_set and as_typed(trainer[name]) != value:
            lines.append(f"  not {key}={value}: {key}={as_typed(trainer[name])} is set")
            continue
        trainer[name] = yaml.safe_load(value) if value in ("true", "false") else value
        taken.append(f"{key}={value}")
    network = f"{config.model['name']} with batches of {config.batch_size}"
    _announce("\n".join([f"trainer=tuned, {network}: {' '.join(taken) or 'nothing'}", *lines]))
    return parse(content)


@functools.cache  # each job of a sweep asks for its own
def _announce(lines: str) -> None:
    print(lines, file=sys.stderr)


def _is_of_key(key: str) -> bool:
    return key in OF_KEY or key.startswith(("model.", "data."))
