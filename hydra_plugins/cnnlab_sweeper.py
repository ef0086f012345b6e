"""What Hydra must find under ``hydra_plugins``: the sweeper that checks every job before the
first one starts, and the search path that takes in a ``conf/`` folder where the user stands.

The sweeper hands its work to :mod:`cnnlab.app.sweep`; nothing heavy is imported when Hydra scans
plugins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class CnnlabSweeperConf:
    _target_: str = "hydra_plugins.cnnlab_sweeper.CnnlabSweeper"


ConfigStore.instance().store(
    group="hydra/sweeper", name="cnnlab", node=CnnlabSweeperConf, provider="cnnlab"
)


class CnnlabSweeper(Sweeper):
    """Expands the grid, has every job composed and checked, and launches what is not done."""

    config: DictConfig
    launcher: Launcher
    hydra_context: HydraContext

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
        from cnnlab.app.compose_sweep import Composer

        loader = self.hydra_context.config_loader
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(
            hydra_calls.SESSION.words
        )
        jobs = hydra_calls.expand(overrides)
        composer = Composer(loader, lambda words: loader.load_sweep_config(self.config, words))
        todo = hydra_calls.admit(jobs, composer, overrides, getattr(self.launcher, "options", None))
        return self.launcher.launch(todo, initial_job_idx=0) if todo else []


class WorkingDirectorySearchPath(SearchPathPlugin):
    """Appends ``./conf`` for cnnlab's own commands; appended, so that it cannot shadow ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        from cnnlab.app.overrides import CONF

        paths = search_path.get_path()
        local = Path.cwd() / "conf"
        is_ours = any(str(CONF) in str(entry.path) for entry in paths)
        if is_ours and local.is_dir() and local.resolve() != CONF.resolve():
            search_path.append(provider="working directory", path=f"file://{local}")
