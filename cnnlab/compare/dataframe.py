"""Runs as a tidy table: a line for each, its options and its results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_config, read_result, read_status
from cnnlab.runs.flat import with_choices
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.state import RunState

HIDDEN = ("runs_dir", "rerun")  # options that say nothing of a run


def load_runs(paths: Iterable[str | Path | RunDir]) -> pd.DataFrame:
    """A line for each run at or below ``paths``, in the order of their folders.

    Columns: run (its folder), state, error (of failed and damaged runs), every option under its
    name (``model``, ``optim.lr``, ``trainer.epochs``), and every number and text of result.json.
    What a run lacks is NaN.

    Raises:
        CnnlabError: there is no run at one of the paths.
    """
    paths = list(paths)
    empty = [str(path) for path in paths if not find_runs([path])]
    if empty or not paths:
        raise CnnlabError(f"no run in {', '.join(empty) or 'no folder'}")
    return pd.DataFrame([_line(run) for run in find_runs(paths)])


def _line(run: RunDir) -> dict[str, Any]:
    line: dict[str, Any] = {"run": str(run)}
    try:
        status, result = read_status(run.status_file), read_result(run.result_file)
        options = with_choices(read_config(run.config_file), status.get("choices") or {})
    except DamagedFileError as damage:
        return line | {"state": "damaged", "error": str(damage)}
    line |= {"state": str(RunState.recorded(status)), "error": status.get("error")}
    line |= {k: v for k, v in options.items() if k not in HIDDEN and not k.startswith("sweep.")}
    return line | {k: v for k, v in result.items() if k != "name"}
