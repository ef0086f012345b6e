"""One launch from its first item to its last, with an engine that does what the test says."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.sweep.launchers.engine import Ended
from cnnlab.sweep.launchers.supervise import ATTEMPTS, Supervisor
from cnnlab.sweep.launchers.worker import WorkItem

Act = Callable[[WorkItem, int], Ended | None]  # the item and which start of it this is


class Puppet:
    """Ends the oldest item at every look, as ``act`` decides; None lets it run."""

    takes_signals = True

    def __init__(self, act: Act, max_parallel: int = 2) -> None:
        self.act = act
        self.max_parallel = max_parallel
        self.held: list[WorkItem] = []
        self.starts: dict[str, int] = {}
        self.most = 0
        self.cancelled = self.killed = False

    def submit(self, items: Sequence[WorkItem]) -> None:
        self.held += items
        self.most = max(self.most, len(self.held))
        for item in items:
            self.starts[item.folder] = self.starts.get(item.folder, 0) + 1

    def ended(self, _: float) -> list[Ended]:
        for item in self.held:
            ended = self.act(item, self.starts[item.folder])
            if ended is not None:
                self.held.remove(item)
                return [ended]
        return []

    def cancel(self) -> None:
        self.cancelled = True

    def kill(self) -> None:
        self.killed = True


def items(folder: Path, count: int) -> list[WorkItem]:
    return [WorkItem(str(folder / f"run{n}"), f"{n + 1}/{count}", b"", {}) for n in range(count)]


def finish(item: WorkItem, state: str = "done") -> Ended:
    run = RunDir(item.folder)
    run.path.mkdir(parents=True, exist_ok=True)
    run.write_config({"trainer": {"epochs": 1}})
    run.update_status(state=state)
    if state == "done":
        run.write_result({"val_acc": 0.5})
    return Ended(item, RunState(state))


def advance(item: WorkItem, seconds: float) -> None:
    """As if a checkpoint had been written at that time."""
    file = RunDir(item.folder).last_checkpoint
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    os.utime(file, (seconds, seconds))


def test_no_more_at_a_time_than_the_engine_wants(tmp_path, capsys):
    engine = Puppet(lambda item, _: finish(item), max_parallel=2)
    Supervisor(engine, items(tmp_path, 5), fail_fast=False).run()
    assert engine.most == 2
    assert list(engine.starts.values()) == [1] * 5
    assert [line[:8] for line in capsys.readouterr().err.splitlines()] == [
        f"{n}/5 done" for n in range(1, 6)
    ]


def test_a_run_that_is_cut_short_goes_on_as_long_as_it_gets_further(tmp_path):
    def act(item: WorkItem, start: int) -> Ended:
        if start == 9:
            return finish(item)
        advance(item, 1000 + start)
        return Ended(item, RunState.PREEMPTED) if start % 2 else Ended(item, error="killed")

    engine = Puppet(act)
    Supervisor(engine, items(tmp_path, 1), fail_fast=False).run()
    assert list(engine.starts.values()) == [9]
    assert RunDir(tmp_path / "run0").status()["state"] == "done"


def test_a_worker_that_dies_again_and_again_is_a_failure(tmp_path, capsys):
    def act(item: WorkItem, _: int) -> Ended:
        if item.folder.endswith("run0"):
            return Ended(item, error="the system killed it")
        return finish(item)

    engine = Puppet(act)
    Supervisor(engine, items(tmp_path, 3), fail_fast=False).run()
    assert [engine.starts[str(tmp_path / f"run{n}")] for n in range(3)] == [ATTEMPTS, 1, 1]
    status = RunDir(tmp_path / "run0").status()
    assert status["state"] == "failed"
    assert status["error"] == "its worker failed 3 times without progress: the system killed it"
    assert "1/3 failed: its worker failed 3 times" in capsys.readouterr().err


def test_fail_fast_drops_what_waits_and_stops_what_runs(tmp_path):
    def act(item: WorkItem, _: int) -> Ended:
        return finish(item, "failed" if item.folder.endswith("run0") else "preempted")

    engine = Puppet(act)
    supervisor = Supervisor(engine, items(tmp_path, 5), fail_fast=True)
    supervisor.run()
    assert supervisor.has_failed
    assert engine.cancelled
    assert list(engine.starts.values()) == [1, 1]  # what ran; neither begun again


def test_a_signal_stops_once_and_a_second_one_kills(tmp_path):
    def once(item: WorkItem, _: int) -> Ended:
        if not engine.cancelled:
            os.kill(os.getpid(), signal.SIGINT)
        return finish(item, "interrupted")

    engine = Puppet(once)
    with pytest.raises(KeyboardInterrupt):
        Supervisor(engine, items(tmp_path, 4), fail_fast=False).run()
    assert len(engine.starts) == 2
    assert not engine.killed

    def never(_: WorkItem, __: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    engine = Puppet(never)
    with pytest.raises(KeyboardInterrupt):
        Supervisor(engine, items(tmp_path, 4), fail_fast=False).run()
    assert engine.killed
    assert signal.getsignal(signal.SIGTERM) == before
