"""From overrides to composed configs. Hydra is called here, and for each sweep only a few times."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from cnnlab.app.errors import one_value, plain_errors, refuse_unknown_groups
from cnnlab.app.hydra_bridge import apply_values, config_loader, group_exists, store_node
from cnnlab.app.override_checks import check_group_value, check_override
from cnnlab.app.overrides import CONF, expand_resume, quote_values
from cnnlab.app.prepare import prepare, typed
from cnnlab.config import schema
from cnnlab.config.options import GROUPS, LISTS, RunConfig, TrainerConfig
from cnnlab.config.parse import run_defaults
from cnnlab.discovery import discover
from cnnlab.registry import CnnlabError, CompositionError
from cnnlab.sweep.launchers import options as launchers
from cnnlab.sweep.search import options as search

CONFIG = "config"  # conf/config.yaml


class Composer:
    """Composes jobs. Hydra composes once for every choice of groups; values go onto a copy.

    Hydra takes a sixth of a second for a composition, nearly all of it for what values such as
    ``seed=1`` do not change.
    """

    def __init__(self) -> None:
        discover()
        register_configs()
        self._loader: ConfigLoader = config_loader(str(CONF))
        self._parser = OverridesParser.create(config_loader=self._loader)
        self._composed: dict[tuple[str, ...], DictConfig] = {}  # by the words that choose

    def parse(self, words: Sequence[str]) -> list[Override]:
        """Override words, read by Hydra's grammar.

        Raises:
            CnnlabError: a word cannot be read.
        """
        with plain_errors():
            return list(self._parser.parse_overrides(list(words)))

    def read(self, words: Sequence[str]) -> list[Override]:
        """What the user typed: ``resume=RUN`` written out, and each override one to act on.

        Raises:
            CnnlabError: a word cannot be read, or nothing would act on it.
        """
        overrides = self.parse(expand_resume(quote_values(words)))
        for override in overrides:
            check_override(override)
        return overrides

    def __call__(self, overrides: Sequence[Override]) -> DictConfig:
        """The config that Hydra would compose of these overrides.

        Raises:
            CompositionError: an unknown name or key.
        """
        overrides = [o for o in overrides if not chooses_nothing(o)]
        choosing = [o for o in overrides if self._chooses(o)]
        with plain_errors():
            composed = copy.deepcopy(self._choice(tuple(str(o.input_line) for o in choosing)))
        with plain_errors(composed):
            apply_values([o for o in overrides if not self._chooses(o)], composed)
        refuse_unknown_groups(composed)
        return composed

    def _choice(self, words: tuple[str, ...]) -> DictConfig:
        if words not in self._composed:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="provider=hydra.searchpath")
                try:
                    self._composed[words] = self._loader.load_configuration(
                        CONFIG, list(words), run_mode=RunMode.RUN
                    )
                except UserWarning as warning:  # Hydra continues without it
                    path = str(warning).partition("path=")[2].removesuffix(" is not available.")
                    raise CompositionError(f"hydra.searchpath: {path} does not exist") from warning
        return self._composed[words]

    def _chooses(self, override: Override) -> bool:
        """Whether Hydra would look for a file, as for ``model=lenet5``; its own are left to it."""
        if override.is_hydra_override() or override.is_sweep_override():
            return True
        is_list = override.key_or_group in LISTS  # a group, even while none is registered
        is_group = is_list or group_exists(self._loader, override.key_or_group)
        if is_group and not override.is_delete():
            check_group_value(override)
        return is_group and not isinstance(override.value(), dict)


def chooses_nothing(override: Override) -> bool:
    """``callbacks=[]`` while none is registered: Hydra would not know that it is a group."""
    registry = LISTS.get(override.key_or_group)
    return registry is not None and len(registry) == 0 and override.value() == []


def compose(words: Sequence[str], *, preflight: bool = True) -> RunConfig:
    """The config of one run, checked as ``train`` would, with nothing run or written.

    Without ``preflight`` names, types and bounds are checked, but nothing is built.

    Raises:
        CnnlabError: the overrides are refused.
    """
    composer = Composer()
    try:
        overrides = composer.read(words)
        composed = composer(overrides)
    except CompositionError as error:
        raise one_value(error) from error
    return prepare(composed, overrides).config if preflight else typed(composed)


def compose_choices(words: Sequence[str]) -> dict[str, Any]:
    """The config of those overrides among ``words`` that can be composed, or of none of them."""
    composer = Composer()
    typed_words = [word for word in words if "=" in word and not word.startswith("-")]
    try:
        overrides = [o for o in composer.read(typed_words) if not o.is_sweep_override()]
        composed = composer(overrides)
    except CnnlabError:
        composed = composer([])
    found = OmegaConf.to_container(composed)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def register_configs() -> None:
    """Put every default into Hydra's store, as plain nodes under their groups."""
    for kind, registry in GROUPS.items():
        for entry in registry:
            store_node(schema.defaults(entry), entry.name, kind)
    for kind, registry in LISTS.items():
        for entry in registry:
            options = {key: o for key, o in schema.defaults(entry).items() if key != "name"}
            store_node(options, entry.name, kind, package=f"{kind}.{entry.name}")
    node = run_defaults()
    del node["trainer"]
    store_node(node, "run")
    store_node(schema.to_dict(TrainerConfig()), "default", "trainer")
    for name in launchers.LAUNCHERS:
        store_node(launchers.defaults(name), name, "hydra/launcher")
    for name, node in search.SWEEPERS.items():
        store_node(node, name, "hydra/sweeper")
