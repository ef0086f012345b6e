"""One job: a checked config, its names, its identity and where its run lies."""

from dataclasses import dataclass
from pathlib import Path

from cnnlab.config.options import RunConfig
from cnnlab.explain.cost import Cost
from cnnlab.runs.identity import Identity, run_dir_for
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.search.options import SearchOptions


@dataclass(frozen=True)
class Job:
    """A checked config, the names that were chosen for it, what identifies it, and its cost.

    ``trial`` holds the options of the search that the job is a trial of, ``title`` what stands
    before its lines on the terminal; ``verbose`` lets Lightning speak too.
    """

    config: RunConfig
    choices: dict[str, str]
    name: str
    identity: Identity
    cost: Cost
    trial: SearchOptions | None = None
    title: str = ""
    verbose: bool = False

    def folder(self) -> RunDir:
        """Where the job's run lies or will lie."""
        parent = Path(self.config.runs_dir).expanduser() / (self.config.sweep.name or "single")
        return run_dir_for(parent, self.name, self.identity, rerun=self.config.rerun)
