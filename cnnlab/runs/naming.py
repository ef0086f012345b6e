"""Readable names of run folders and sweeps, made from what was overridden."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnlab.config.flags import flags
from cnnlab.config.parse import run_defaults
from cnnlab.runs.essential import digest

LONGEST_NAME = 120
QUOTES = "'\""


def run_name(choices: Mapping[str, str], overrides: Iterable[tuple[str, str]]) -> str:
    """``lenet5_mnist_lr0.05_seed1``: the model, the data set and whatever else was overridden."""
    parts = [choices["model"], choices["data"]]
    parts += [name_part(key, value) for key, value in overrides if key not in ("model", "data")]
    return _joined(parts)


def sweep_name(overrides: Iterable[tuple[str, str]]) -> str:
    """``mlp-lenet5_seed0-1-2``: what a multirun's command line says, in its order."""
    return _joined([name_part(key, value) for key, value in overrides]) or "defaults"


def short_source(path: str) -> str:
    """Where weights come from, for names and tables: of a run its name's first word and its key."""
    name = re.sub(r"\.(safetensors|pth?|ckpt)$", "", Path(path).name)
    return re.sub(r"^([^_]+).*-(\w{8})$", r"\1-\2", name)


def name_part(key: str, value: str) -> str:
    """What an override adds to a name: ``optim.lr=0.1`` -> ``lr0.1``, ``model=mlp`` -> ``mlp``."""
    pattern = flags(key).name
    if pattern is not None:
        source = short_source(value.strip(QUOTES))
        return pattern.format(value=_word(value), source=_word(source))
    # A choice says what it is, ``resnet20``; a value does not, ``seed1``.
    chosen = "." not in key and isinstance(run_defaults().get(key, {}), dict)
    return _word(value) if chosen else f"{key.split('.')[-1]}{_word(value)}"


def _word(text: str) -> str:
    return re.sub(r"[^\w.+]+", "-", text).strip("-")


def _joined(parts: Iterable[str]) -> str:
    name = "_".join(part for part in parts if part)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{digest(name)[:4]}"
