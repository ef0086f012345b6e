"""One launch from its first ticket to its last, with an engine that does what the test says."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cnnlab.launchers.engine import Ended
from cnnlab.launchers.supervise import ATTEMPTS, Supervisor
from cnnlab.launchers.ticket import Ticket
from cnnlab.runs.run_dir import RunDir

Act = Callable[[Ticket, int], Ended | None]  # the ticket and which start of it this is


class Puppet:
    """Ends the oldest ticket at every look, as ``act`` decides; None lets it run."""

    takes_signals = True

    def __init__(self, act: Act, at_a_time: int = 2) -> None:
        self.act = act
        self.at_a_time = at_a_time
        self.held: list[Ticket] = []
        self.starts: dict[str, int] = {}
        self.most = 0
        self.cancelled = self.killed = False

    def submit(self, tickets: Sequence[Ticket]) -> None:
        self.held += tickets
        self.most = max(self.most, len(self.held))
        for ticket in tickets:
            self.starts[ticket.folder] = self.starts.get(ticket.folder, 0) + 1

    def ended(self, _: float) -> list[Ended]:
        for ticket in self.held:
            ended = self.act(ticket, self.starts[ticket.folder])
            if ended is not None:
                self.held.remove(ticket)
                return [ended]
        return []

    def cancel(self) -> None:
        self.cancelled = True

    def kill(self) -> None:
        self.killed = True


def tickets(folder: Path, count: int) -> list[Ticket]:
    return [Ticket(str(folder / f"run{n}"), f"{n + 1}/{count}", b"", {}) for n in range(count)]


def finish(ticket: Ticket, state: str = "done") -> Ended:
    run = RunDir(ticket.folder)
    run.path.mkdir(parents=True, exist_ok=True)
    run.write_config({"trainer": {"epochs": 1}})
    run.update_status(state=state)
    return Ended(ticket, state)


def advance(ticket: Ticket, seconds: float) -> None:
    """As if a checkpoint had been written at that time."""
    file = RunDir(ticket.folder).last_checkpoint
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    os.utime(file, (seconds, seconds))


def test_no_more_at_a_time_than_the_engine_wants(tmp_path, capsys):
    engine = Puppet(lambda ticket, _: finish(ticket), at_a_time=2)
    Supervisor(engine, tickets(tmp_path, 5), fail_fast=False).run()
    assert engine.most == 2
    assert list(engine.starts.values()) == [1] * 5
    assert [line[:8] for line in capsys.readouterr().err.splitlines()] == [
        f"{n}/5 done" for n in range(1, 6)
    ]


def test_a_run_that_is_cut_short_goes_on_as_long_as_it_gets_further(tmp_path):
    def act(ticket: Ticket, start: int) -> Ended:
        if start == 9:
            return finish(ticket)
        advance(ticket, 1000 + start)
        return Ended(ticket, "preempted") if start % 2 else Ended(ticket, error="killed")

    engine = Puppet(act)
    Supervisor(engine, tickets(tmp_path, 1), fail_fast=False).run()
    assert list(engine.starts.values()) == [9]
    assert RunDir(tmp_path / "run0").status()["state"] == "done"


def test_a_worker_that_dies_again_and_again_is_a_failure(tmp_path, capsys):
    def act(ticket: Ticket, _: int) -> Ended:
        if ticket.folder.endswith("run0"):
            return Ended(ticket, error="the system killed it")
        return finish(ticket)

    engine = Puppet(act)
    Supervisor(engine, tickets(tmp_path, 3), fail_fast=False).run()
    assert [engine.starts[str(tmp_path / f"run{n}")] for n in range(3)] == [ATTEMPTS, 1, 1]
    status = RunDir(tmp_path / "run0").status()
    assert status["state"] == "failed"
    assert status["error"] == "no answer from its worker in 3 starts: the system killed it"
    assert "1/3 failed: no answer" in capsys.readouterr().err


def test_fail_fast_drops_what_waits_and_stops_what_runs(tmp_path):
    def act(ticket: Ticket, _: int) -> Ended:
        return finish(ticket, "failed" if ticket.folder.endswith("run0") else "preempted")

    engine = Puppet(act)
    supervisor = Supervisor(engine, tickets(tmp_path, 5), fail_fast=True)
    supervisor.run()
    assert supervisor.has_failed
    assert engine.cancelled
    assert list(engine.starts.values()) == [1, 1]  # what ran; neither begun again


def test_a_signal_stops_once_and_a_second_one_kills(tmp_path):
    def once(ticket: Ticket, _: int) -> Ended:
        if not engine.cancelled:
            os.kill(os.getpid(), signal.SIGINT)
        return finish(ticket, "interrupted")

    engine = Puppet(once)
    with pytest.raises(KeyboardInterrupt):
        Supervisor(engine, tickets(tmp_path, 4), fail_fast=False).run()
    assert len(engine.starts) == 2
    assert not engine.killed

    def never(_: Ticket, __: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    engine = Puppet(never)
    with pytest.raises(KeyboardInterrupt):
        Supervisor(engine, tickets(tmp_path, 4), fail_fast=False).run()
    assert engine.killed
    assert signal.getsignal(signal.SIGTERM) == before
