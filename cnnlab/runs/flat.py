"""Configs made flat: one key for each option."""

from collections.abc import Mapping
from typing import Any

from cnnlab.config.options import LISTS

Flat = dict[str, Any]


def flatten(config: Mapping[str, Any], prefix: str = "") -> Flat:
    """``{"optim": {"lr": 0.1}}`` -> ``{"optim.lr": 0.1}``; lists become text, as typed."""
    flat: Flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            flat[prefix + key] = f"[{', '.join(map(str, value))}]"
        else:
            flat[prefix + key] = value
    return flat


def with_choices(config: Mapping[str, Any], chosen: Mapping[str, str]) -> Flat:
    """A config made flat, and what was chosen in each group: ``model=resnet``, ``optim=sgd``.

    ``chosen`` overrides a group's ``name`` where the choice was a variant, as in
    ``model=resnet20``.
    """
    groups = {
        g: str(c["name"]) for g, c in config.items() if isinstance(c, Mapping) and "name" in c
    }
    for group in LISTS:  # what has no options would not be seen
        if config.get(group):
            groups[group] = f"[{', '.join(config[group])}]"
    return groups | {group: chosen[group] for group in groups if group in chosen} | flatten(config)
