"""Where the numbers come from: what the runs ran on, and the commands that made them."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.finished import FinishedRun
from cnnlab.runs.read_file import DamagedFileError, read_mapping
from cnnlab.text import plural

NAMES = {
    "device": "device",
    "devices": "number of devices",
    "threads": "threads",
    "torch": "torch",
    "cnnlab": "cnnlab",
    "commit": "git commit",
    "python": "Python",
    "platform": "platform",
}
MOST_VALUES = 5
MOST_COMMANDS = 40


class Provenance:
    """Environment and commands of the runs of a comparison.

    Attributes:
        environment: name and value; where runs differ, each value with its number of runs.
        commands: the different command lines, quoted as in a shell.
        hidden: number of further commands.
    """

    def __init__(self, comparison: Comparison) -> None:
        runs = [run for row in comparison.rows for run in row.runs]
        recorded = [_read_env(run) for run in runs]
        facts = [_facts(run, env) for run, env in zip(runs, recorded, strict=True)]
        self.environment = [
            (name, _counted(values))
            for key, name in NAMES.items()
            if (values := [fact[key] for fact in facts if fact.get(key) not in (None, "")])
        ]
        commands = list(dict.fromkeys(c for env in recorded if (c := _command(env))))
        self.commands = commands[:MOST_COMMANDS]
        self.hidden = len(commands) - len(self.commands)


def _read_env(run: FinishedRun) -> dict[str, Any]:
    try:
        return read_mapping(run.folder.env_file, json.loads, lambda _: "") or {}
    except DamagedFileError:  # nothing that is needed
        return {}


def _facts(run: FinishedRun, env: dict[str, Any]) -> dict[str, str]:
    found = {"device": run.device} | {k: str(v) for k, v in run.environment.items()}
    found |= {key: str(env[key]) for key in ("python", "platform") if key in env}
    git = env.get("git")
    if "commit" not in found and isinstance(git, dict) and git.get("commit"):
        found["commit"] = f"{git['commit']}{'+changes' if git.get('dirty') else ''}"
    return found


def _counted(values: Sequence[str]) -> str:
    unique = list(dict.fromkeys(values))
    if len(unique) == 1:
        return unique[0]
    shown = [f"{value} ({plural(values.count(value), 'run')})" for value in unique[:MOST_VALUES]]
    more = len(unique) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _command(env: dict[str, Any]) -> str:
    words = env.get("command")
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return shlex.join(words) if words and is_list else ""
