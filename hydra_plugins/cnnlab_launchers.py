"""``hydra/launcher=in_process``, ``joblib``, ``submitit_local``, ``submitit_slurm`` and ``ray``.

Hydra must find them here; :mod:`cnnlab.launchers` does the work, on the jobs that the sweeper has
composed and checked already. Nothing heavy is imported when Hydra scans plugins, and none of the
packages need be installed for that.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep.launchers.options import LAUNCHERS, Options, defaults, parse

for name in LAUNCHERS:
    ConfigStore.instance().store(
        group="hydra/launcher",
        name=name,
        node={"_target_": f"{__name__}.CnnlabLauncher", "_name_": name, **defaults(name)},
        provider="cnnlab",
    )


class CnnlabLauncher(Launcher):
    """Hands the jobs of a sweep or a search to the engine of its name."""

    options: Options

    def __init__(self, **_: Any) -> None:
        """The options are read from the config again, where they are all checked."""

    def setup(
        self,
        *,
        hydra_context: HydraContext,  # noqa: ARG002  (Hydra's signature)
        task_function: TaskFunction,  # noqa: ARG002
        config: DictConfig,
    ) -> None:
        node = OmegaConf.to_container(config.hydra.launcher, resolve=True)
        assert isinstance(node, dict)
        self.options = parse(str(node["_name_"]), {str(key): node[key] for key in node})

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from cnnlab.app import sweep as hydra_calls

        hydra_calls.hand_out(job_overrides, initial_job_idx, self.options)
        return []
