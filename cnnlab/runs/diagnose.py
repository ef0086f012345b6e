"""Why a run is where it is: its error, the traceback and the end of its log."""

from pathlib import Path

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import holder
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.status import FAILED, STOPPED, RunStatus, read_run

LOG_LINES = 20


def find_run(word: str, top: str | Path) -> RunDir:
    """The run that ``word`` means: its folder, or a part of its name that no other run has.

    Raises:
        CnnlabError: no run, or several.
    """
    if RunDir(Path(word).expanduser()).config_file.is_file():
        return RunDir.open(word)
    runs = find_runs([top])
    found = [run for run in runs if word in (run.name, str(run))]
    found = found or [run for run in runs if word in str(run.path)]
    if not found:
        raise CnnlabError(f"--why {word}: no such run (cnnlab runs {top} lists them)")
    if len(found) > 1:
        names = "\n  ".join(str(run) for run in found[:5])
        raise CnnlabError(f"--why {word}: {len(found)} runs have this in their names\n  {names}")
    return found[0]


def explain(run: RunDir) -> str:
    """What became of the run, in full; several lines of plain text."""
    row = read_run(run, run.path)
    trace = str(run.status().get("traceback") or "").strip()
    blocks = [f"{run}\n{_verdict(row)}", trace, _end_of_log(run, trace)]
    return "\n\n".join(block for block in blocks if block)


def _verdict(run: RunStatus) -> str:
    progress = f"after {run.epoch} of {run.epochs} epochs"
    if run.state == "running":
        return f"running: {run.epoch} of {run.epochs} epochs done, by {holder(run.folder)}"
    if run.state in FAILED:
        return f"{run.state} {progress}: {run.error}\nthe command that made it tries it again"
    if run.state in STOPPED:
        killed = "its process is gone and left no word (killed, or the power failed)"
        why = killed if run.state == "killed" else run.error
        saved = run.folder.last_checkpoint.is_file()
        start = "its last checkpoint" if saved else "its start"
        return f"{run.state} {progress}: {why}\nthe command that made it goes on from {start}"
    return f"{run.state} {progress}" + (f": {run.error}" if run.error else "; nothing failed")


def _end_of_log(run: RunDir, trace: str) -> str:
    if not run.log_file.is_file():
        return "no log.txt"
    text = run.log_file.read_text(encoding="utf-8", errors="replace")
    if trace:
        text = text.replace(trace, "(the traceback above)")
    lines = text.rstrip().splitlines()
    heading = f"end of {run.log_file}:" if len(lines) > LOG_LINES else f"{run.log_file}:"
    return "\n".join([heading, *lines[-LOG_LINES:]])
