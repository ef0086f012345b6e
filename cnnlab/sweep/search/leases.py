"""Which process runs which trial: several share a search, a dead one's trials are resumed."""

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

OWNER = "owner"  # a trial's attribute: host, process id, start time of the process


class TrialLeases:
    """The trials that this process runs, of a study that other processes may work on too.

    Trials are acquired and counted under a lock in the sweep's folder, so that no two processes
    get the same one or start one too many.
    """

    def __init__(self, study: Study, sweep: Path) -> None:
        self.study = study
        self.me = Claim.own()
        self._acquired: set[int] = set()
        self._lock = FileLock(sweep / FOLDER / ".take.lock")

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Within the block, show processes on other hosts that this one is alive."""
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def acquire(self, limit: int) -> Trial | None:
        """A trial that a dead process left, else a new one while there are under ``limit``."""
        with self._lock:
            trials = self.study.get_trials(deepcopy=False)
            abandoned = [trial for trial in trials if self._is_abandoned(trial)]
            if abandoned:
                trial = running_trial(self.study, abandoned[0].number)
            elif len(trials) < limit:
                trial = self.study.ask()
            else:
                return None
            self._acquired.add(trial.number)
            trial.set_user_attr(OWNER, [self.me.host, self.me.pid, self.me.born])
            return trial

    def _is_abandoned(self, trial: FrozenTrial) -> bool:
        if trial.state != TrialState.RUNNING:
            return False
        owner = trial.user_attrs.get(OWNER)
        if owner is None:  # killed between the start of the trial and this attribute
            return True
        host, pid, born = owner
        if (host, pid, born) == (self.me.host, self.me.pid, self.me.born):
            return trial.number not in self._acquired  # a search that was stopped here
        heartbeat = self.study.user_attrs.get(_key(host, pid, born), 0.0)
        return not Claim(host, pid, born, heartbeat).is_alive

    def _beat(self, stop: threading.Event) -> None:
        while True:
            self.study.set_user_attr(_key(self.me.host, self.me.pid, self.me.born), time.time())
            if stop.wait(HEARTBEAT):
                return


def _key(host: str, pid: int, born: str) -> str:
    return f"heartbeat {host} {pid} {born}"
