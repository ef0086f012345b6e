"""What is done in a run's folder before it is trained: what is left of it is put in order."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from cnnlab.discovery import named_imports
from cnnlab.registry import CnnlabError
from cnnlab.runs.checkpoint_file import resumable
from cnnlab.runs.damaged import repair_checkpoints, set_aside_unreadable
from cnnlab.runs.data_record import DataRecord, difference
from cnnlab.runs.durable import copy, remove_parts
from cnnlab.runs.identity import FILES
from cnnlab.runs.job import Job
from cnnlab.runs.locate import outdated
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.training.assemble import assemble


def begin(job: Job) -> list[str]:
    """Put the folder of a claimed run in order and write there that it runs.

    Returns:
        a line for each damaged file, as printed.

    Raises:
        CnnlabError, OSError: it cannot continue.
    """
    folder = job.run_dir
    remove_parts(folder.path, folder.checkpoint_dir)
    lines = set_aside_unreadable(folder)
    _say_outdated(job)
    folder.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    lines += _ready_checkpoints(job)
    for line in lines:
        print(f"{job.title}: {line}", file=sys.stderr)
    folder.write_config(job.config.to_dict())
    now = time.time()
    state = {"state": RunState.RUNNING, "started": now, "error": None, "traceback": None}
    origin = {"imports": named_imports(), "directory": os.getcwd()}
    folder.update_status(**state, **facts(job), **origin)
    return lines


def facts(job: Job) -> dict[str, Any]:
    """What status.json says of a run at any time: a damaged one may have lost it."""
    return {"choices": job.choices, "identity": job.identity.to_dict()}


def _say_outdated(job: Job) -> None:
    for other, part in outdated(job.run_dir, job.identity):
        what = f"code of the {part} has changed since {other.name}"
        if part == FILES:
            recorded = None
            with contextlib.suppress(DamagedFileError):  # of another run
                recorded = DataRecord.read(other)
            if job.data is None or recorded is None:
                continue  # of a run made before, the code of the data has changed too
            what = f"data have changed since {other.name} ({difference(recorded, job.data)})"
        print(f"the {what}: training again", file=sys.stderr)


def _ready_checkpoints(job: Job) -> list[str]:
    """Checkpoints that the run can continue from, where there are any; a line for each damaged."""
    resumed = job.config.resume
    lines: list[str] = []
    for _ in range(2):  # where all of its own are damaged, from the other run once more
        if resumed is not None and not job.run_dir.last_checkpoint.is_file():
            _copy_checkpoints(RunDir(Path(os.path.expanduser(resumed))), job.run_dir)
        if not any(resumable(job.run_dir)):
            return lines
        model = assemble(job.config, "meta").model
        shapes = {name: getattr(v, "shape", ()) for name, v in model.state_dict().items()}
        lines += repair_checkpoints(job.run_dir, shapes)
        if resumed is None or job.run_dir.last_checkpoint.is_file():
            return lines
    raise CnnlabError(f"resume={resumed}: no checkpoint to continue from: {lines[-1]}")


def _copy_checkpoints(source: RunDir, target: RunDir) -> None:
    """A run that resumes another starts from copies of its metrics and checkpoints."""
    best = ("best_checkpoint", "best_complete_checkpoint")
    # last.ckpt at the end: it says that all are there
    for file in ("metrics_file", "data_file", *best, "last_checkpoint"):
        if getattr(source, file).is_file():
            copy(getattr(source, file), getattr(target, file))
