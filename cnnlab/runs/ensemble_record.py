"""Which runs an ensemble is of: ``ensemble.json`` in its folder.

The folder of an ensemble looks like that of a finished run, but the weights stay with its members.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.read_file import DamagedFileError, read_mapping, reason, require_file
from cnnlab.runs.run_dir import RunDir

VOTE = "soft"  # what the saved outputs are: the mean of the probabilities


def write_members(folder: RunDir, members: Sequence[RunDir]) -> None:
    """Write ensemble.json: paths relative to the folder, so that all can be moved together."""
    content = {
        "members": [relative_path(member, folder.path) for member in members],
        "results": [result_digest(member) for member in members],
        "vote": VOTE,
    }
    write_text(folder.ensemble_file, json.dumps(content, indent=1) + "\n")


def member_runs(folder: RunDir) -> list[RunDir]:
    """The runs that an ensemble is of, unchanged since it was saved; empty where it is none.

    Raises:
        DamagedFileError: ensemble.json cannot be read.
        CnnlabError: a member is not there, or was trained again since.
    """
    content = read_mapping(folder.ensemble_file, json.loads, _fault)
    if content is None:
        return []
    runs = []
    for path, digest in zip(content["members"], content["results"], strict=True):
        place = os.path.realpath(folder.path / path)
        shorter = os.path.relpath(place)
        run = RunDir(place if shorter.startswith(os.pardir) else shorter)
        if not os.path.isdir(place):
            raise CnnlabError(f"{folder}: its member {run} is not there")
        if result_digest(run) != digest:
            raise CnnlabError(
                f"{folder}: its member {run} has changed since; `cnnlab ensemble` saves it again"
            )
        runs.append(run)
    return runs


def refuse_ensemble(run: RunDir, option: str) -> None:
    """Refuse to train from an ensemble, which has no weights of its own.

    Args:
        option: as typed, ``init.from=FOLDER``.

    Raises:
        CnnlabError: the run is an ensemble.
    """
    if run.is_ensemble:
        one = next(iter(member_runs(run)), "")
        raise CnnlabError(f"{option}: an ensemble; give one of its members, such as {one}")


def relative_path(run: RunDir, folder: Path) -> str:
    """Where a run is as seen from a folder, links resolved."""
    return Path(os.path.relpath(os.path.realpath(run), os.path.realpath(folder))).as_posix()


def result_digest(run: RunDir) -> str:
    """12 hexadecimal digits of a run's result.json, which changes where it is trained again.

    Raises:
        DamagedFileError: it cannot be read.
    """
    try:
        require_file(run.result_file)
        return hashlib.sha256(run.result_file.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise DamagedFileError(f"{run.result_file}: {reason(error)}") from error


def _fault(content: dict[str, Any]) -> str:
    lists = [content.get(name) for name in ("members", "results")]
    whole = all(isinstance(each, list) and all(isinstance(x, str) for x in each) for each in lists)
    if not whole or not content["members"] or len(content["members"]) != len(content["results"]):
        return "does not name the members and the digests of their results"
    return ""
