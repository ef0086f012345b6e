"""The command as a process of its own: started, signalled, killed with all that it has started."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fork_server import fork_server

from cnnlab.runs.run_dir import find_runs

CNNLAB = "from cnnlab.app.cli import main; main()"


class Command:
    """``cnnlab WORDS`` in a folder, which is made; one thread, so that results are the same.

    A fork of a process that has imported torch and Lightning; ``fresh``: a process from nothing.
    ``program``: Python to run instead, with the words behind it.
    """

    def __init__(
        self, folder: Path, *words: str, fresh: bool = False, program: str = CNNLAB
    ) -> None:
        folder.mkdir(exist_ok=True)
        # no pipe, which would stop the command when it is full
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed by end)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        if fresh:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, *words],
                cwd=folder,
                env=environment,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.pid = self._process.pid
        else:
            self.pid = fork_server().fork(program, words, folder, environment, self._said.fileno())

    def end(self) -> tuple[int, str]:
        """Wait for its end: the exit code, and all it said."""
        code = self._wait(600)
        assert code is not None, f"{self.pid} runs for ten minutes"
        with self._said as said:
            said.seek(0)
            return code, said.read()

    def _wait(self, seconds: float) -> int | None:
        if self._process is None:
            return fork_server().wait(self.pid, seconds)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds or the command has ended."""
        while self.is_running and not condition():
            time.sleep(0.05)  # looking takes the time of what is looked at

    @property
    def is_running(self) -> bool:
        return self._wait(0) is None

    def signal(self, number: int) -> None:
        if self.is_running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to the process and to every one below it, as if the power had gone."""
        for pid in [self.pid, *descendants(self.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.end()


def descendants(pid: int) -> list[int]:
    """The processes below one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found: list[int] = []
    layer = [pid]
    while layer := [child for child, parent in parents.items() if parent in layer]:
        found += layer
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there, and no zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(pids: list[int], seconds: float) -> bool:
    """Whether all of these processes end within the time."""
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def has_begun(folder: Path) -> Callable[[], bool]:
    """Whether a run that was not there at the time of this call has a checkpoint by now."""
    seen = {run.name for run in find_runs([folder]) if run.last_checkpoint.is_file()}
    return lambda: any(
        run.last_checkpoint.is_file() for run in find_runs([folder]) if run.name not in seen
    )


def has_saved(folder: Path) -> Callable[[], bool]:
    """Whether a run has written a checkpoint since this call, its first or another."""

    def newest() -> int:
        files = [run.last_checkpoint for run in find_runs([folder])]
        return max((file.stat().st_mtime_ns for file in files if file.is_file()), default=0)

    before = newest()
    return lambda: newest() > before
