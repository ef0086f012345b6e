"""What of a config makes a run what it is."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cnnlab.config.flags import enters, run_flags
from cnnlab.config.options import LISTS
from cnnlab.registry import Flags


def essential(
    config: Mapping[str, Any], components: Mapping[str, Mapping[str, Flags]]
) -> dict[str, Any]:
    """A config, as plain data, without the options that are not part of a run's identity.

    Args:
        components: the flags of each component's options, by its group: ``{"model": {...}}``.
    """
    flags = dict(run_flags())
    for group, own in components.items():
        flags |= {f"{group}.{option}": flag for option, flag in own.items()}
    return _kept("", config, flags)


def _kept(prefix: str, node: Mapping[str, Any], flags: Mapping[str, Flags]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in node.items():
        key = f"{prefix}{name}"
        if key in flags and not enters(flags[key], value):
            continue
        if isinstance(value, Mapping):
            own, value = value, _kept(f"{key}.", value, flags)
            is_chosen = prefix.removesuffix(".") in LISTS  # callbacks.ema, whatever its options
            if not value and own and not is_chosen:  # a later group, every option at its neutral
                continue
        kept[name] = value
    return kept


def without_seed(
    content: Mapping[str, Any], *, start: Any = None, resumed: str | None = None
) -> dict[str, Any]:
    """What the runs of one row of a comparison have in common.

    Args:
        content: from :func:`essential`.
        start: the group of the runs whose weights it starts from, or a weight file's digest.
        resumed: the group of the run that it continues.
    """
    rest = {key: value for key, value in content.items() if key != "seed"}
    rest["init"] = {**content["init"], "from": start}
    if content["resume"] is not None:
        rest["resume"] = resumed
    return rest


def digest(content: Any) -> str:
    """12 hexadecimal digits of plain data."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
