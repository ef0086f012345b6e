"""Removing the folders of failed runs, after confirmation."""

import shutil
import sys
from collections.abc import Sequence

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import claimed
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.status import RunStatus, state_of
from cnnlab.text import plural


def clean(runs: Sequence[RunStatus], *, confirmed: bool) -> list[RunDir]:
    """Remove the folders of those runs that have failed; returns the removed ones.

    Args:
        confirmed: do not ask for confirmation.

    Raises:
        CnnlabError: there is no terminal for the question, or a folder cannot be removed.
    """
    failed = [run.folder for run in runs if run.state.is_failure]
    if not failed:
        print("no failed runs")
        return []
    folders = plural(len(failed), "failed run")
    if not confirmed:
        if not sys.stdin.isatty():
            raise CnnlabError(
                f"--clean asks for confirmation on a terminal; --yes removes {folders} without"
            )
        print(*failed, sep="\n")
        if not _confirm(f"remove {folders} with all files? [y/N] "):
            print("nothing was removed")
            return []
    removed = [run for run in failed if _remove(run)]
    print(
        f"removed {len(removed)} of {folders}"
        if len(removed) < len(failed)
        else f"removed {folders}"
    )
    return removed


def _confirm(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _remove(run: RunDir) -> bool:
    """Remove a run's folder, unless a process runs it again or it contains other runs."""
    if not run.path.is_dir() or len(find_runs([run.path])) > 1:
        return False
    try:
        with claimed(run) as other:
            if other is not None or not state_of(run)[0].is_failure:
                return False
            shutil.rmtree(run.path)
    except OSError as error:
        raise CnnlabError(f"{run}: {error.strerror or error}") from error
    return True
