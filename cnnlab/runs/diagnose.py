"""Why a run failed or stopped: its error, the traceback and the end of its log."""

import os
from pathlib import Path

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import probable_holder
from cnnlab.runs.read_file import is_file, reason, require_file
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.state import RunState
from cnnlab.runs.status import RunStatus, read_run

LOG_LINES = 20
STOPPED = (RunState.INTERRUPTED, RunState.PREEMPTED, RunState.PRUNED)


def find_run(word: str, top: str | Path) -> RunDir:
    """The run named by ``word``: its folder, or a part of its name that no other run has.

    Raises:
        CnnlabError: no run has this name, or several have.
    """
    if is_file(RunDir(Path(os.path.expanduser(word))).config_file):
        return RunDir.open(word)
    runs = find_runs([top])
    matches = [run for run in runs if word in (run.name, str(run))]
    matches = matches or [run for run in runs if word in str(run.path)]
    if not matches:
        raise CnnlabError(f"--why {word}: no such run (cnnlab runs {top} lists them)")
    if len(matches) > 1:
        names = "\n  ".join(str(run) for run in matches[:5])
        raise CnnlabError(f"--why {word}: {len(matches)} runs match this name\n  {names}")
    return matches[0]


def explain(run: RunDir) -> str:
    """State, error, traceback and end of the log: several lines of plain text.

    A run that was stopped on purpose has made no error: neither block shows where it was stopped.
    """
    row = read_run(run, run.path)
    trace = str(run.status().get("traceback") or "").strip()
    blocks = [f"{run}\n{_verdict(row)}", _end_of_log(run, trace, shown=row.state not in STOPPED)]
    if row.state not in STOPPED:
        blocks.insert(1, trace)
    return "\n\n".join(block for block in blocks if block)


def _verdict(run: RunStatus) -> str:
    if run.is_ensemble:
        return f"{run.state}: an ensemble of other runs" + (f": {run.error}" if run.error else "")
    progress = f"after {run.epoch} of {run.epochs} epochs"
    if run.state is RunState.RUNNING:
        return f"running: {run.epoch} of {run.epochs} epochs done, by {probable_holder(run.folder)}"
    if run.state.is_failure:
        return f"{run.state} {progress}: {run.error}\nrunning its command again retries it"
    if run.state.is_resumable:
        killed = "its process ended without recording a result (killed, or a power failure)"
        why = run.error or killed
        saved = run.folder.last_checkpoint.is_file()
        start = "its last checkpoint" if saved else "the beginning"
        return f"{run.state} {progress}: {why}\nrunning its command again continues from {start}"
    return f"{run.state} {progress}" + (f": {run.error}" if run.error else "; nothing failed")


def _end_of_log(run: RunDir, trace: str, *, shown: bool) -> str:
    """The end of log.txt without the traceback, which is ``shown`` above it or not at all."""
    try:
        require_file(run.log_file)
        text = run.log_file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "no log.txt"
    except OSError as error:
        return f"{run.log_file}: {reason(error)}"
    if trace:
        text = text.replace(trace, "(the traceback above)" if shown else "")
    lines = text.rstrip().splitlines()
    heading = f"end of {run.log_file}:" if len(lines) > LOG_LINES else f"{run.log_file}:"
    return "\n".join([heading, *lines[-LOG_LINES:]])
