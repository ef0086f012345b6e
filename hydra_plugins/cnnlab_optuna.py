"""``hydra/sweeper=optuna``, on today's Optuna: Hydra must find it here, ``cnnlab.search`` does it.

Hydra's own plugin of this name is bound to Optuna 2. Nothing heavy is imported when Hydra scans
plugins, and Optuna need not be installed for that.
"""

import importlib.util
from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep.search.options import defaults, parse

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="optuna",
    node={"_target_": "hydra_plugins.cnnlab_optuna.OptunaSweeper", **defaults()},
    provider="cnnlab",
)


class OptunaSweeper(Sweeper):
    """Reads the overrides as a search space and has it searched through Hydra's launcher."""

    config: DictConfig
    launcher: Launcher
    hydra_context: HydraContext

    def __init__(self, **_: Any) -> None:
        """The options are read from the config again, where they are all checked."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:  # noqa: ARG002
        from cnnlab.app import sweep as hydra_calls
        from cnnlab.registry import CnnlabError

        node = OmegaConf.to_container(self.config.hydra.sweeper, resolve=True)
        assert isinstance(node, dict)
        options = parse({str(key): value for key, value in node.items()})
        for package in ("optuna", "cmaes"):
            if importlib.util.find_spec(package) is None:
                raise CnnlabError(
                    f"hydra/sweeper=optuna needs {package}: pip install 'cnnlab[search]'"
                )
        loader = self.hydra_context.config_loader
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(
            hydra_calls.SESSION.words
        )
        hydra_calls.search(
            overrides,
            options,
            lambda words: loader.load_sweep_config(self.config, words),
            lambda jobs, first: self.launcher.launch(jobs, initial_job_idx=first),
            getattr(self.launcher, "options", None),
        )
        return []
