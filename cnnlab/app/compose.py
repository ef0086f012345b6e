"""From override words to one typed config; nothing is run, and nothing heavy imported for it."""

from collections.abc import Sequence

import hydra
from hydra.core.config_store import ConfigStore

from cnnlab.app.errors import COMPOSING_ERRORS, refusal
from cnnlab.app.overrides import CONF, expand_resume, quote_values
from cnnlab.app.prepare import prepare, typed
from cnnlab.config import schema
from cnnlab.config.options import GROUPS, LISTS, RunConfig, TrainerConfig, run_defaults
from cnnlab.discovery import discover
from cnnlab.registry import CnnlabError


def compose(overrides: Sequence[str], *, preflight: bool = True) -> RunConfig:
    """The config of one run, checked as ``train`` would, with nothing run or written.

    Without ``preflight`` names, types and bounds are checked, but nothing is built.

    Raises:
        CnnlabError: the overrides are refused.
    """
    discover()
    register_configs()
    words = expand_resume(quote_values(overrides))
    try:
        with hydra.initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            composed = hydra.compose("config", overrides=words, return_hydra_config=True)
    except COMPOSING_ERRORS as error:
        text = str(refusal(error)).replace(": add -m to sweep over them", "; give one")
        raise CnnlabError(text) from error
    return prepare(composed, composed.hydra).config if preflight else typed(composed)


def register_configs() -> None:
    """Put every default into Hydra's store, as plain nodes under their groups."""
    store = ConfigStore.instance()
    for kind, registry in GROUPS.items():
        for entry in registry:
            store.store(group=kind, name=entry.name, node=schema.defaults(entry), provider="cnnlab")
    for kind, registry in LISTS.items():
        for entry in registry:
            options = {key: o for key, o in schema.defaults(entry).items() if key != "name"}
            place = f"{kind}.{entry.name}"
            store.store(group=kind, name=entry.name, node=options, package=place, provider="cnnlab")
    node = run_defaults()
    del node["trainer"]
    store.store(name="run", node=node, provider="cnnlab")
    trainer = schema.to_dict(TrainerConfig())
    store.store(group="trainer", name="default", node=trainer, provider="cnnlab")
