"""A run folder on disk. Only this module knows the names of its files.

Files that another process may read are written under a temporary name and renamed, so that a
reader sees the old file or the new one, never a part of one.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_config, read_metrics, read_result, read_status
from cnnlab.runs.durable import replacing, set_aside, write_text
from cnnlab.runs.read_file import DamagedFileError, is_file
from cnnlab.runs.state import RunState

if TYPE_CHECKING:
    import pandas as pd

# folders of reports: what runs/* names too
BESIDE_RUNS = ("comparison", "comparisons", "ensembles", "search")


class RunDir:
    """The folder of one run: the paths of its files, and how they are read and written."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.status_file = self.path / "status.json"
        self.env_file = self.path / "env.json"
        self.data_file = self.path / "data.json"
        self.metrics_file = self.path / "metrics.csv"
        self.mistakes_file = self.path / "mistakes.npz"
        self.result_file = self.path / "result.json"
        self.ensemble_file = self.path / "ensemble.json"
        self.log_file = self.path / "log.txt"
        self.profile_file = self.path / "profile.txt"
        self.trace_file = self.path / "profile_trace.json"
        self.claim_file = self.path / "claim.json"
        self.tensorboard_dir = self.path / "tb"
        self.checkpoint_dir = self.path / "checkpoints"
        self.best_checkpoint = self.checkpoint_dir / "best.ckpt"
        self.last_checkpoint = self.checkpoint_dir / "last.ckpt"
        # while best.ckpt is of an epoch cut short: the best of the complete ones
        self.best_complete_checkpoint = self.checkpoint_dir / "best_complete.ckpt"

    @classmethod
    def open(cls, path: "str | Path | RunDir") -> "RunDir":
        """The run at ``path``.

        Raises:
            CnnlabError: there is no run there.
        """
        run = cls(Path(os.path.expanduser(os.fspath(path))))
        if not is_file(run.config_file):
            if not os.path.isdir(run.path):
                raise CnnlabError(f"{path}: no such folder")
            inside = find_runs([run.path])
            hint = f"; runs inside it: {', '.join(r.name for r in inside[:3])}" if inside else ""
            raise CnnlabError(f"{path}: not a run folder (no config.yaml){hint}")
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
        return read_config(self.config_file)

    def result(self) -> dict[str, Any]:
        """The flat row of final numbers; empty until the run is done, and of a damaged file."""
        return _unless_damaged(read_result, self.result_file)

    def status(self) -> dict[str, Any]:
        """The content of status.json, ``state`` and more; empty where it is missing or damaged."""
        return _unless_damaged(read_status, self.status_file)

    def metrics(self) -> "pd.DataFrame":
        """One row per epoch."""
        return read_metrics(self.metrics_file)

    @property
    def is_done(self) -> bool:
        """Whether the state is done and the result can be read."""
        return RunState.recorded(self.status()) is RunState.DONE and bool(self.result())

    @property
    def is_ensemble(self) -> bool:
        """Whether it is an ensemble of other runs, which has no weights of its own."""
        return os.path.lexists(self.ensemble_file)

    def write_config(self, config: Mapping[str, Any]) -> None:
        write_text(self.config_file, yaml.safe_dump(dict(config), sort_keys=False))

    def write_result(self, result: Mapping[str, Any]) -> None:
        with replacing(self.result_file) as file:
            file.write((json.dumps(result, indent=1) + "\n").encode())

    def write_env(self, env: Mapping[str, Any]) -> None:
        write_text(self.env_file, json.dumps(env, indent=1) + "\n")

    def update_status(self, **fields: Any) -> None:
        """Change the named fields of status.json and keep the others; a damaged file is kept too.

        Raises:
            OSError: it cannot be written.
        """
        try:
            before = read_status(self.status_file)
        except DamagedFileError as damage:
            set_aside(self.status_file, str(damage))
            before = {}
        status = {**before, **fields, "updated": time.time()}
        write_text(self.status_file, json.dumps(status, indent=1) + "\n")


def _unless_damaged(read: Callable[[Path], dict[str, Any]], file: Path) -> dict[str, Any]:
    try:
        return read(file)
    except DamagedFileError:
        return {}


def find_runs(paths: Iterable[str | Path | RunDir]) -> list[RunDir]:
    """The run folders at or below each path, each once, in the order of their paths."""
    found: dict[Path, RunDir] = {}
    for path in paths:
        top = Path(os.path.expanduser(os.fspath(path)))
        folders = [top, *(Path(at, name) for at, names, _ in os.walk(top) for name in names)]
        for folder in sorted(folders):
            if _looks_like_a_run(folder):
                found.setdefault(folder.resolve(), RunDir(folder))
    return list(found.values())


def open_runs(paths: Iterable[str | Path | RunDir]) -> list[RunDir]:
    """The runs at or below each path, each once; of several paths, not those of reports.

    Raises:
        CnnlabError: there is no run at one of the paths.
    """
    places = list(paths)
    found: dict[Path, RunDir] = {}
    for path in places:
        runs = find_runs([path])
        if not runs and not (len(places) > 1 and Path(path).name in BESIDE_RUNS):
            runs = [RunDir.open(path)]  # or says what there is instead
        found |= {run.path.resolve(): run for run in runs}
    return list(found.values())


def _looks_like_a_run(folder: Path) -> bool:
    """Whether it has the files of one, whatever they are: a damaged run is listed, by name."""
    try:
        for name in ("config.yaml", "status.json"):
            os.lstat(folder / name)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
