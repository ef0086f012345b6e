"""A run folder on disk. Only this module knows the names of its files.

Files that another process may read are written under a temporary name and renamed, so that a
reader sees the old file or the new one, never a part of one.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cnnlab.registry import CnnlabError
from cnnlab.runs.state import RunState

if TYPE_CHECKING:
    import pandas as pd


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with it


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


class RunDir:
    """The folder of one run: the paths of its files, and how they are read and written."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.status_file = self.path / "status.json"
        self.env_file = self.path / "env.json"
        self.data_file = self.path / "data.json"
        self.metrics_file = self.path / "metrics.csv"
        self.result_file = self.path / "result.json"
        self.log_file = self.path / "log.txt"
        self.claim_file = self.path / "claim.json"
        self.tensorboard_dir = self.path / "tb"
        self.checkpoint_dir = self.path / "checkpoints"
        self.best_checkpoint = self.checkpoint_dir / "best.ckpt"
        self.last_checkpoint = self.checkpoint_dir / "last.ckpt"

    @classmethod
    def open(cls, path: "str | Path | RunDir") -> "RunDir":
        """The run at ``path``.

        Raises:
            CnnlabError: there is no run there.
        """
        run = cls(Path(path).expanduser())
        if not run.config_file.is_file():
            inside = find_runs([run.path]) if run.path.is_dir() else []
            hint = f"; runs inside it: {', '.join(r.name for r in inside[:3])}" if inside else ""
            kind = "not a run folder (no config.yaml)" if run.path.is_dir() else "no such folder"
            raise CnnlabError(f"{path}: {kind}{hint}")
        return run

    def outputs_file(self, output: str) -> Path:
        """The network's outputs on the test set, such as ``logits``, with the labels."""
        return self.path / f"test_{output}.npz"

    def picture_file(self, name: str) -> Path:
        """The picture of the test, such as ``confusion``."""
        return self.path / f"{name}.png"

    @property
    def name(self) -> str:
        return self.path.name

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunDir({str(self.path)!r})"

    def config(self) -> dict[str, Any]:
        """The resolved config, plain data."""
        try:
            config = yaml.load(self.config_file.read_text(encoding="utf-8"), Loader=LOADER)
        except (OSError, yaml.YAMLError) as error:
            raise CnnlabError(f"{self.config_file}: {' '.join(str(error).split())}") from error
        if not isinstance(config, dict):
            raise CnnlabError(f"{self.config_file}: not a config")
        return config

    def result(self) -> dict[str, Any]:
        """The flat row of final numbers; empty until the run is done."""
        return _read_json(self.result_file)

    def status(self) -> dict[str, Any]:
        """The content of status.json, ``state`` and more; empty where the run was not started."""
        return _read_json(self.status_file)

    def metrics(self) -> "pd.DataFrame":
        """One row per epoch."""
        import pandas as pd

        return pd.read_csv(self.metrics_file)

    @property
    def is_done(self) -> bool:
        """Whether the state is done and the result can be read."""
        return RunState.recorded(self.status()) is RunState.DONE and bool(self.result())

    def write_config(self, config: Mapping[str, Any]) -> None:
        write_atomically(self.config_file, yaml.safe_dump(dict(config), sort_keys=False))

    def write_result(self, result: Mapping[str, Any]) -> None:
        write_atomically(self.result_file, json.dumps(result, indent=1) + "\n")

    def write_env(self, env: Mapping[str, Any]) -> None:
        write_atomically(self.env_file, json.dumps(env, indent=1) + "\n")

    def update_status(self, **fields: Any) -> None:
        """Change the named fields of status.json and keep the others."""
        status = {**self.status(), **fields, "updated": time.time()}
        write_atomically(self.status_file, json.dumps(status, indent=1) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def find_runs(paths: Iterable[str | Path | RunDir]) -> list[RunDir]:
    """The run folders at or below each path, each once, in the order of their paths."""
    found: dict[Path, RunDir] = {}
    for path in paths:
        top = Path(path).expanduser()
        for config in sorted([*top.glob("config.yaml"), *top.rglob("*/config.yaml")]):
            if (config.parent / "status.json").is_file():
                found.setdefault(config.parent.resolve(), RunDir(config.parent))
    return list(found.values())
