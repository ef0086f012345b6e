"""Every private name of Hydra's that cnnlab touches; tests hold each to what it does today."""

from collections.abc import Sequence
from typing import Any, cast

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from cnnlab.registry import CompositionError


def config_loader(conf: str) -> ConfigLoader:
    """Hydra's loader for the folder ``conf``, the search path plug-ins and the config store."""
    with hydra.initialize_config_dir(version_base="1.3", config_dir=conf):
        return GlobalHydra.instance().config_loader()


def store_node(node: Any, name: str, group: str = "", *, package: str | None = None) -> None:
    """Put a config into Hydra's store, unless it is what this function put there before.

    Making a node takes longer than all else that a composition needs of it.
    """
    store = ConfigStore.instance()
    # Hydra would copy all of the store for every composition, to change nothing in it.
    vars(store)["__deepcopy__"] = lambda _memo: store
    place = store.repo
    for part in group.split("/") if group else ():
        place = place.setdefault(part, {})
    file, text = f"{name}.yaml", repr((node, package))
    stored = place.get(file)
    if stored is None or getattr(stored, "cnnlab_text", None) != text:
        store.store(name, node, group or None, package, provider="cnnlab")
        place[file].cnnlab_text = text


def group_exists(loader: ConfigLoader, name: str) -> bool:
    """Whether ``name`` is a config group, so that ``name=...`` chooses a file."""
    return bool(cast(ConfigLoaderImpl, loader).repository.group_exists(name))


def apply_values(overrides: Sequence[Override], composed: DictConfig) -> None:
    """Set values in a composed config as Hydra does, with its checks, in place.

    Raises:
        CompositionError: ``+key=value`` of an option that is null, which Hydra lets pass.
    """
    for key in (override.key_or_group for override in overrides if override.is_add()):
        parent, _, option = key.rpartition(".")
        node = OmegaConf.select(composed, parent) if parent else composed
        if isinstance(node, DictConfig) and option in node:
            raise CompositionError(f"+{key}=...: leave out the +")
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), composed)
