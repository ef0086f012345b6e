"""What is meant by an option that does not exist: one of another group, or another tool's name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cnnlab.app.override_checks import CHOSEN
from cnnlab.config.options import GROUPS, LISTS
from cnnlab.config.schema import options
from cnnlab.registry import nearest, nearest_component

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
    "device": "accelerator",
    "gradient_clip_val": "gradient_clip",
    "clip_grad": "gradient_clip",
    "accumulate_grad_batches": "accumulate",
    "patience": "early_stopping",
    "profiler": "profile",
    "fast_dev_run": "debug=one_batch",
    "smoothing": "label_smoothing",
    "optimizer": "optim",
    "optimiser": "optim",
    "opt": "optim",
    "dataset": "data",
    "datamodule": "data",
    "scheduler": "schedule",
    "lr_scheduler": "schedule",
    "augmentation": "augment",
    "augmentations": "augment",
    "arch": "model",
    "net": "model",
    "pretrained": "from",
    "ckpt_path": "resume",
    "output_dir": "runs_dir",
}
FROM_DATA = ("num_classes", "n_classes", "in_channels")  # what no option sets for most data sets
TOP_LEVEL_CUTOFF = 0.75  # of similarity: there "pretrained" would be near "trainer"


@dataclass(frozen=True)
class Meant:
    """What a key that does not exist stands for.

    Attributes:
        option: in full, ``optim.lr``; with a value where it has only one: ``metrics=[top5]``.
        owner: the component that has the option and is not chosen, ``optim=adam``; else empty.
    """

    option: str
    owner: str = ""


def hint(full: str, siblings: list[str], composed: Mapping[Any, Any]) -> str:
    """The end of the refusal of an option: what is meant, or the nearest name beside it.

    Args:
        full: the option, with its groups.
        siblings: the options that its group has.
        composed: the config that it was to be set in.
    """
    place, _, key = full.rpartition(".")
    if place in LISTS and key in LISTS[place]:
        return f"; choose it first: {_choice(place, key, composed)}"
    if elsewhere := hint_elsewhere(full, composed):
        return elsewhere
    if place in LISTS:
        return nearest_component(key, (entry.name for entry in LISTS[place]))
    if place:
        return nearest(key, siblings, prefix=f"{place}.")
    names = {*siblings, *CHOSEN} - {"hydra"}
    return nearest(key, names, cutoff=TOP_LEVEL_CUTOFF)


def hint_elsewhere(full: str, composed: Mapping[Any, Any]) -> str:
    """The end of a refusal that names an option of another group; empty where none is meant."""
    if full.startswith("hydra"):
        return ""
    meant = option_elsewhere(full, composed)
    if meant is None:
        return "; it follows from the data set" if _last(full) in FROM_DATA else ""
    return (
        f"; {meant.owner} has {meant.option}"
        if meant.owner
        else f"; did you mean '{meant.option}'?"
    )


def option_elsewhere(key: str, composed: Mapping[Any, Any]) -> Meant | None:
    """The option that ``key`` stands for by its last word: ``optim.lr`` for ``lr`` or ``--lr``.

    Options of the composed config come first, also under another tool's name, then those of
    components that are not chosen, then components: ``metrics=[top5]`` for ``top5``. None where
    there is no such option.
    """
    typed = _last(key)
    words = list(dict.fromkeys((typed, SYNONYMS.get(typed, typed))))
    if "=" in words[-1]:
        return Meant(words[-1])
    for word in words:
        known = [*_keys(composed), *CHOSEN]
        matches = [k for k in known if k != key and word in (_last(k), k.replace(".", "_"))]
        if matches:
            return Meant(min(matches, key=lambda full: full.count(".")))
    if typed in FROM_DATA:
        return None
    for word in words:
        for meant in _of_components(composed):
            if _last(meant.option) == word and meant.option != key:
                return meant
    for kind, registry in (GROUPS | LISTS).items():
        if "." not in key and typed in registry:
            return Meant(_choice(kind, typed, composed))
    return None


def _last(key: str) -> str:
    """The last word of a key, or of a flag, as options are spelled."""
    return key.lstrip("-").rpartition(".")[2].casefold().replace("-", "_")


def _choice(kind: str, name: str, composed: Mapping[Any, Any]) -> str:
    """The override that chooses a component: ``optim=adam``; of a list beside those chosen."""
    if kind in GROUPS:
        return f"{kind}={name}"
    return f"{kind}=[{','.join([*(composed.get(kind) or ()), name])}]"


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


def _of_components(composed: Mapping[Any, Any]) -> Iterator[Meant]:
    """The options of every component, with the choice that a run then needs."""
    for kind, registry in (GROUPS | LISTS).items():
        for entry in registry:
            place = f"{kind}.{entry.name}" if kind in LISTS else kind
            for option in options(entry.component):
                yield Meant(f"{place}.{option}", _choice(kind, entry.name, composed))
