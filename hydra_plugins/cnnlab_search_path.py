"""What Hydra must find under ``hydra_plugins``: ``conf/`` in the working directory is read."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class WorkingDirectorySearchPath(SearchPathPlugin):
    """Appends ``./conf`` for cnnlab's own commands; appended, so that it cannot shadow ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        from cnnlab.app.overrides import CONF

        paths = search_path.get_path()
        local = Path.cwd() / "conf"
        is_ours = any(str(CONF) in str(entry.path) for entry in paths)
        if is_ours and local.is_dir() and local.resolve() != CONF.resolve():
            search_path.append(provider="working directory", path=f"file://{local}")
