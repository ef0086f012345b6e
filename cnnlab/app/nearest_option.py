"""What is meant by an option that does not exist: one of another group, or another tool's name."""

from collections.abc import Iterator, Mapping
from typing import Any

from cnnlab.config.options import GROUPS, LISTS
from cnnlab.config.schema import options

# What other tools call it. Compared by the last word of a key: model.learning_rate, lr_scheduler.
SYNONYMS = {
    "learning_rate": "lr",
    "base_lr": "lr",
    "wd": "weight_decay",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "bs": "batch_size",
    "num_gpus": "devices",
    "gpus": "devices",
    "gradient_clip_val": "gradient_clip",
    "clip_grad": "gradient_clip",
    "accumulate_grad_batches": "accumulate",
    "optimizer": "optim",
    "opt": "optim",
    "dataset": "data",
    "datamodule": "data",
    "scheduler": "schedule",
    "lr_scheduler": "schedule",
    "arch": "model",
    "net": "model",
    "output_dir": "runs_dir",
}


def option_elsewhere(key: str, composed: Mapping[Any, Any]) -> str | None:
    """The option of which ``key`` has the last word, in full: ``optim.lr`` for ``lr``.

    Options of the composed config come first, then those of components that are not chosen. None
    where there is no such option.
    """
    typed = key.rpartition(".")[2]
    word = SYNONYMS.get(typed, typed)
    for known in (_keys(composed), _of_components()):
        matches = [full for full in known if full.rpartition(".")[2] == word and full != key]
        if matches:
            return min(matches, key=lambda full: full.count("."))
    return None


def _keys(node: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    """Every key of a config, dotted, but those of Hydra and the names of components."""
    for name in node:
        key = f"{prefix}{name}"
        if key == "hydra" or (name == "name" and key != "sweep.name"):
            continue
        yield key
        value = node[name]
        if isinstance(value, Mapping):
            yield from _keys(value, f"{key}.")


def _of_components() -> Iterator[str]:
    for kind, registry in GROUPS.items():
        for entry in registry:
            yield from (f"{kind}.{option}" for option in options(entry.component))
    for kind, registry in LISTS.items():
        for entry in registry:
            yield from (f"{kind}.{entry.name}.{option}" for option in options(entry.component))
