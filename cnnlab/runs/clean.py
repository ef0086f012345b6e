"""Removing the folders of failed runs, after asking."""

import shutil
import sys
from collections.abc import Sequence

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import claimed
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.status import FAILED, RunStatus, state_of


def clean(runs: Sequence[RunStatus], *, confirmed: bool) -> list[RunDir]:
    """Remove those of the runs that have failed; the folders that were removed.

    Raises:
        CnnlabError: nobody can be asked, or a folder cannot be removed.
    """
    failed = [run.folder for run in runs if run.has_failed]
    if not failed:
        print("no failed runs")
        return []
    folders = f"{len(failed)} failed run{'' if len(failed) == 1 else 's'}"
    if not confirmed:
        if not sys.stdin.isatty():
            raise CnnlabError(f"--clean: no terminal to ask on; --yes removes {folders} unasked")
        print(*failed, sep="\n")
        if not _agreed(f"remove {folders} with all files? [y/N] "):
            print("nothing was removed")
            return []
    removed = [run for run in failed if _remove(run)]
    print(
        f"removed {len(removed)} of {folders}"
        if len(removed) < len(failed)
        else f"removed {folders}"
    )
    return removed


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _remove(run: RunDir) -> bool:
    """Remove a run's folder, unless somebody has taken the run up again or it holds other runs."""
    if not run.path.is_dir() or len(find_runs([run.path])) > 1:
        return False
    try:
        with claimed(run) as other:
            if other is not None or state_of(run)[0] not in FAILED:
                return False
            shutil.rmtree(run.path)
    except OSError as error:
        raise CnnlabError(f"{run}: {error.strerror or error}") from error
    return True
