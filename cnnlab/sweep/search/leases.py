"""Which process runs which trial: several share a search, a dead one's trials are resumed."""

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from cnnlab.runs.claim import HEARTBEAT, LOST_AFTER, Claim
from cnnlab.runs.heartbeat import heartbeat, observe
from cnnlab.sweep.search.optuna_bridge import running_trial
from cnnlab.sweep.search.study import FOLDER

OWNER = "owner"  # a trial's attribute: host, process id, start time of the process, its token
POLL_SECONDS = 1.0


class TrialLeases:
    """The trials that this process runs, of a study that other processes may work on too.

    Trials are acquired, counted and concluded under a lock in the sweep's folder, so that no two
    processes get the same one, start one too many, or conclude one that is another's by now.
    """

    def __init__(self, study: Study, sweep: Path) -> None:
        self.study = study
        self.me = Claim.own(secrets.token_hex(8))
        self._owner = [self.me.host, self.me.pid, self.me.born, self.me.token]
        self._lock = FileLock(sweep / FOLDER / ".take.lock")

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Within the block, show processes on other hosts that this one is alive."""
        with suppress(Exception):  # the next one may be written
            self._beat()
        with heartbeat(self._beat, HEARTBEAT):
            yield

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
            trial.set_user_attr(OWNER, self._owner)
            return trial

    @contextmanager
    def owned(self, number: int) -> Iterator[bool]:
        """Under the lock, whether a trial that this process acquired is still its own.

        Not so where the process was suspended for so long that another one took the trial over.
        """
        with self._lock:
            trial = self.study.get_trials(deepcopy=False)[number]
            yield trial.user_attrs.get(OWNER) == self._owner

    def watch(self) -> bool:
        """Wait until every running trial of another host has shown a heartbeat or is abandoned.

        Returns:
            Whether one is abandoned.
        """
        is_watching = False
        while True:
            trials = self.study.get_trials(deepcopy=False)
            if any(self._is_abandoned(trial) for trial in trials):
                return True
            hosts = sorted({str(t.user_attrs[OWNER][0]) for t in trials if self._is_unknown(t)})
            if not hosts:
                return False
            if not is_watching:
                said = f"waiting up to {LOST_AFTER:.0f} s to see whether the search is alive on"
                print(said, ", ".join(hosts), file=sys.stderr)
            is_watching = True
            time.sleep(min(POLL_SECONDS, LOST_AFTER / 10))

    def _is_abandoned(self, trial: FrozenTrial) -> bool:
        if trial.state != TrialState.RUNNING:
            return False
        owner = trial.user_attrs.get(OWNER)
        if owner is None:  # killed between the start of the trial and this attribute
            return True
        host, pid, born, *_ = owner
        if (host, pid, born) == (self.me.host, self.me.pid, self.me.born):
            return bool(owner != self._owner)  # a search that was stopped here
        return not self._claim(owner).is_alive(self._place(owner))

    def _is_unknown(self, trial: FrozenTrial) -> bool:
        """Whether another host runs a trial and has shown no heartbeat yet."""
        owner = trial.user_attrs.get(OWNER)
        if trial.state != TrialState.RUNNING or owner is None or not self._claim(owner).is_foreign:
            return False
        return not observe(self._place(owner), self._claim(owner)).has_changed

    def _claim(self, owner: list[Any]) -> Claim:
        host, pid, born, *_ = owner
        return Claim(host, pid, born, self.study.user_attrs.get(_key(host, pid, born), 0.0))

    def _place(self, owner: list[Any]) -> str:
        return f"{self.study.study_name} {owner}"

    def _beat(self) -> bool:
        self.study.set_user_attr(_key(self.me.host, self.me.pid, self.me.born), time.time())
        return True


def _key(host: str, pid: int, born: str) -> str:
    return f"heartbeat {host} {pid} {born}"
