"""Watch a parallel launch: submit items, show their progress, forward signals once."""

import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cnnlab.runs.claim import holder
from cnnlab.runs.durable import DiskFullError
from cnnlab.runs.read_file import reason
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.sweep.launchers.engine import Ended, Engine
from cnnlab.sweep.launchers.progress import SweepProgress
from cnnlab.sweep.launchers.worker import WorkItem
from cnnlab.text import first_line

POLL_SECONDS = 0.5  # seconds
ATTEMPTS = 3  # starts in a row without progress, before a run counts as failed


class Supervisor:
    """One launch, from its first item to the end of its last."""

    def __init__(self, engine: Engine, items: Sequence[WorkItem], *, fail_fast: bool) -> None:
        self.engine = engine
        self.waiting = list(items)
        self.running: list[WorkItem] = []
        self.fail_fast = fail_fast
        self.signal: int | None = None
        self.has_failed = False  # a run failed and fail_fast ended the launch
        self.full: Path | None = None  # the folder whose disk is full, which ended the launch
        self._signalled: set[int] = set()  # processes that were sent the signal
        self._futile_starts: Counter[str] = Counter()  # by folder: in a row, without progress
        self._checkpoint_times: dict[str, float] = {}  # by folder: when the last one was written

    def run(self) -> None:
        """Return when every item has ended.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; running jobs have saved checkpoints.
            DiskFullError: a run found it full.
        """
        total = len(self.waiting)
        with self._signal_handlers(), SweepProgress(total) as progress:
            while self.waiting or self.running:
                self._fill()
                for ended in self.engine.ended(POLL_SECONDS):
                    self.running.remove(ended.item)
                    if self._restarts(ended):
                        self.waiting.append(ended.item)
                    else:
                        self._conclude(ended, progress)
                if self.signal is not None and self.engine.takes_signals:
                    self._forward_signal()
                progress.show([RunDir(item.folder) for item in self.running])
        if self.full is not None:
            raise DiskFullError(self.full)
        if self.signal is not None and not self.has_failed:
            raise KeyboardInterrupt

    def _fill(self) -> None:
        free = self.engine.max_parallel - len(self.running)
        starting, self.waiting = self.waiting[:free], self.waiting[free:]
        if starting:
            for item in starting:
                self._checkpoint_times[item.folder] = _checkpoint_time(item)
            self.engine.submit(starting)
            self.running += starting

    def _restarts(self, ended: Ended) -> bool:
        """Whether a run that a time limit or the death of a process cut short is started again."""
        cut_short = ended.error is not None or ended.state in (RunState.PREEMPTED, RunState.KILLED)
        if self.signal is not None or not cut_short:
            return False
        folder = ended.item.folder
        progress = _checkpoint_time(ended.item) > self._checkpoint_times[folder]
        self._futile_starts[folder] = 0 if progress else self._futile_starts[folder] + 1
        return self._futile_starts[folder] < ATTEMPTS

    def _conclude(self, ended: Ended, progress: SweepProgress) -> None:
        run = RunDir(ended.item.folder)
        if ended.error is not None and self.signal is None:
            error = f"its worker failed {ATTEMPTS} times without progress: {ended.error}"
            try:
                run.path.mkdir(parents=True, exist_ok=True)
                run.update_status(state=RunState.FAILED, error=error)
            except OSError as unwritten:  # of its folder; the other jobs are run
                print(f"{run}: {reason(unwritten)}; {first_line(error)}", file=sys.stderr)
        progress.ended(run, ended.item.title)
        if ended.state is RunState.DISK_FULL and self.full is None:
            self.full = run.path.parent
            self._stop(signal.SIGTERM)
        if self.fail_fast and ended.state and ended.state.is_failure:
            self.has_failed = True
            self._stop(signal.SIGTERM)

    def _stop(self, number: int) -> None:
        self.signal = number
        self.waiting.clear()
        self.engine.cancel()

    def _forward_signal(self) -> None:
        """Signal each worker on this host once, as soon as it has claimed its run."""
        for item in self.running:
            claim = holder(RunDir(item.folder))
            if claim and claim.host == socket.gethostname() and claim.pid not in self._signalled:
                self._signalled.add(claim.pid)
                os.kill(claim.pid, self.signal or signal.SIGTERM)

    @contextmanager
    def _signal_handlers(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {n: signal.signal(n, self._receive) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            self.engine.kill()
            raise KeyboardInterrupt
        print(
            "\nevery job saves a checkpoint, then stops; press Ctrl-C again to stop at once",
            file=sys.stderr,
            flush=True,
        )
        self._stop(number)


def _checkpoint_time(item: WorkItem) -> float:
    file = RunDir(item.folder).last_checkpoint
    return file.stat().st_mtime if file.is_file() else 0.0
