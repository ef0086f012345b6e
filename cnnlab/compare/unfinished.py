"""Runs that a comparison leaves out because they have no result: which, in what state, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.compare.configurations import label
from cnnlab.runs.contents import read_config, read_status
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir
from cnnlab.text import first_line, plural

MOST_NAMED = 5


@dataclass(frozen=True)
class UnfinishedRun:
    """A run without a result.

    Attributes:
        state: as in status.json, or ``not tested``.
        error: the first line of what a failed run failed with; else empty.
        shown: its flat config; empty where it cannot be read.
    """

    folder: RunDir
    state: str
    error: str
    shown: Flat

    def describe(self, keys: Sequence[str]) -> str:
        """``lenet5, lr=0.1, seed 2 (failed: CUDA out of memory)``; keys name a configuration."""
        name = label(self.shown, keys) or self.folder.name
        if name != self.folder.name and "seed" in self.shown:
            name += f", seed {self.shown['seed']}"
        return f"{name} ({self.state}{': ' if self.error else ''}{self.error})"


def read_unfinished(folder: RunDir, state: str) -> UnfinishedRun:
    """What is known of a run without a result."""
    status = read_status(folder.status_file)
    try:
        shown = with_choices(read_config(folder.config_file), status.get("choices") or {})
    except DamagedFileError:
        shown = {}
    return UnfinishedRun(folder, state, first_line(status.get("error") or ""), shown)


def notes_on_unfinished(runs: Sequence[UnfinishedRun], keys: Sequence[str]) -> list[str]:
    """Notes on the runs that are left out: how many by state, and which."""
    if not runs:
        return []
    states = Counter(str(run.state) for run in runs)
    counts = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
    named = "; ".join(run.describe(keys) for run in runs[:MOST_NAMED])
    more = f"; and {len(runs) - MOST_NAMED} more" if len(runs) > MOST_NAMED else ""
    return [f"{plural(len(runs), 'unfinished run')} left out ({counts}): {named}{more}"]
