"""The command as a process of its own: started, and killed with everything it has started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cnnlab.runs.run_dir import find_runs


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """``cnnlab WORDS`` in a folder, which is made; one thread, so that results are the same."""
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", "from cnnlab.cli import main; main()", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run it to its end: the exit code, and all it said."""
    process = start(folder, *words, **environment)
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and to every one below it, as if the power had gone."""
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()


def descendants(pid: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found, layer = [], [pid]
    while layer := [child for child, parent in parents.items() if parent in layer]:
        found += layer
    return found


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.02)


def has_begun(folder: Path) -> Callable[[], bool]:
    """Whether a run that was not there at the time of this call has a checkpoint by now."""
    seen = {run.name for run in find_runs([folder]) if run.last_checkpoint.is_file()}
    return lambda: any(
        run.last_checkpoint.is_file() for run in find_runs([folder]) if run.name not in seen
    )
