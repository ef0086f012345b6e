"""Whose a running trial is: two processes share a search, and a dead one's trials are taken up."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from cnnlab.runs.claim import HEARTBEAT, Claim
from cnnlab.sweep.search.optuna_bridge import running_trial
from cnnlab.sweep.search.study import FOLDER

OWNER = "owner"  # a trial's attribute: host, process, when that began


class TrialLeases:
    """This process among those that run trials of a study.

    Trials are taken and counted under a lock in the sweep's folder, so that no two processes
    take one, or begin one more than there should be.
    """

    def __init__(self, study: Study, sweep: Path) -> None:
        self.study = study
        self.me = Claim.own()
        self._taken: set[int] = set()
        self._lock = FileLock(sweep / FOLDER / ".take.lock")

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Tell processes on other hosts, for the time of the block, that this one is alive."""
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def acquire(self, limit: int) -> Trial | None:
        """A trial that a dead process has left, else a new one while there are under ``limit``."""
        with self._lock:
            trials = self.study.get_trials(deepcopy=False)
            left = [trial for trial in trials if self._is_left(trial)]
            if left:
                trial = running_trial(self.study, left[0].number)
            elif len(trials) < limit:
                trial = self.study.ask()
            else:
                return None
            self._taken.add(trial.number)
            trial.set_user_attr(OWNER, [self.me.host, self.me.pid, self.me.born])
            return trial

    def _is_left(self, trial: FrozenTrial) -> bool:
        if trial.state != TrialState.RUNNING:
            return False
        owner = trial.user_attrs.get(OWNER)
        if owner is None:  # killed between the trial's beginning and this attribute
            return True
        host, pid, born = owner
        if (host, pid, born) == (self.me.host, self.me.pid, self.me.born):
            return trial.number not in self._taken  # of a search that was stopped in this process
        heartbeat = self.study.user_attrs.get(_key(host, pid, born), 0.0)
        return not Claim(host, pid, born, heartbeat).is_alive

    def _beat(self, stop: threading.Event) -> None:
        while True:
            self.study.set_user_attr(_key(self.me.host, self.me.pid, self.me.born), time.time())
            if stop.wait(HEARTBEAT):
                return


def _key(host: str, pid: int, born: str) -> str:
    return f"heartbeat {host} {pid} {born}"
