"""One job: everything that is needed to make one run, checked and picklable."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cnnlab.config.options import RunConfig
from cnnlab.explain.cost import Cost
from cnnlab.runs.data_record import DataRecord
from cnnlab.runs.identity import Identity, identify
from cnnlab.runs.locate import run_dir_for
from cnnlab.runs.own_files import own_files
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.writable import check_writable

SINGLE = "single"  # the folder of runs that belong to no sweep


class JobHook(Protocol):
    """What a search adds to a job; it is pickled with it and called where the job is run."""

    def callbacks(self) -> Sequence[Any]:
        """Lightning callbacks for the job's trainer."""


@dataclass(frozen=True)
class Job:
    """A checked config with all that follows from it.

    Attributes:
        choices: what was chosen in each group, such as ``model: resnet20``.
        name: the readable part of the run folder's name.
        data: the record of data in the user's own files.
        notes: lines about those, printed when the run starts.
        cost: parameters and MACs of the model.
        run_dir: the folder of its run, which may not exist yet.
        title: put before each line of progress.
        verbose: let Lightning print its own messages.
        hooks: each adds callbacks.
        overridden: the keys of its overrides, such as ``optim.lr``.
    """

    config: RunConfig
    choices: dict[str, str]
    name: str
    identity: Identity
    cost: Cost
    run_dir: RunDir
    title: str = ""
    verbose: bool = False
    data: DataRecord | None = None
    notes: tuple[str, ...] = ()
    hooks: tuple[JobHook, ...] = ()
    overridden: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: RunConfig, choices: dict[str, str], name: str, cost: Cost) -> "Job":
        """The job of a checked config, with its identity and its run folder.

        Raises:
            CnnlabError: the run folder cannot be made.
        """
        identity = identify(config)
        sweep = Path(os.path.expanduser(config.runs_dir)) / (config.sweep.name or SINGLE)
        run_dir = run_dir_for(sweep, name, identity, rerun=config.rerun)
        if not os.path.isdir(run_dir.path):
            check_writable(run_dir.path, f"runs_dir={config.runs_dir}")
        job = cls(config, choices, name, identity, cost, run_dir)
        files = own_files(config)
        return replace(job, data=files.record, notes=files.notes) if files else job
