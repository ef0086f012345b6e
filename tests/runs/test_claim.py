import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from cnnlab.runs import claim as claiming
from cnnlab.runs import heartbeat
from cnnlab.runs.claim import (
    Claim,
    ClaimLostError,
    claimed,
    ensure_claimed,
    holder,
    is_abandoned,
    probable_holder,
)
from cnnlab.runs.run_dir import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "run")


def test_a_claim_ends_with_its_block(run):
    with claimed(run) as other:
        assert other is None
        held = holder(run)
        assert held is not None
        assert held.pid == os.getpid()
        with claimed(run) as second:
            assert second == held
    assert holder(run) is None
    assert not run.claim_file.exists()


def test_a_claim_ends_with_an_exception(run):
    with pytest.raises(RuntimeError), claimed(run):
        raise RuntimeError
    assert holder(run) is None


def _hold(path: Path) -> None:
    with claimed(RunDir(path)):
        time.sleep(60)


def test_a_killed_process_loses_its_claim_at_once(run):
    process = multiprocessing.get_context("fork").Process(target=_hold, args=(run.path,))
    process.start()
    while holder(run) is None:
        time.sleep(0.01)
    with claimed(run) as other:
        assert other is not None
        assert other.pid == process.pid
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert run.claim_file.exists()
    with claimed(run) as other:
        assert other is None


@pytest.fixture
def clock(monkeypatch):
    """``clock(5)`` lets five seconds pass on this process's own clock."""
    now = [1000.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    return passes


def elsewhere(run: RunDir, beat: float) -> Claim:
    """Write the claim of a process on another host, by whose clock it is ``beat``."""
    run.path.mkdir(exist_ok=True)
    claim = Claim("elsewhere", 1, "1", beat, "theirs")
    run.claim_file.write_text(json.dumps(vars(claim)))
    return claim


@pytest.mark.parametrize("wrong", [0, -61, -7200, 61, 7200])
def test_the_clock_of_another_host_does_not_matter(run, clock, wrong):
    """Its claim lasts as long as something in it changes, whatever time it is there."""
    for _ in range(5):
        claim = elsewhere(run, time.time() + wrong)
        assert holder(run) == claim
        clock(40)
        assert holder(run) == claim
        with claimed(run) as other:
            assert other == claim


@pytest.mark.parametrize(("seconds", "alive"), [(59, True), (61, False)])
def test_the_claim_of_another_host_expires_when_it_is_seen_unchanged(run, clock, seconds, alive):
    claim = elsewhere(run, time.time())
    assert holder(run) == claim
    clock(seconds)
    assert (holder(run) == claim) is alive
    with claimed(run) as other:
        assert (other is None) is not alive


def test_a_claim_of_another_host_that_was_written_an_hour_ago_is_not_listed(run, clock):
    claim = elsewhere(run, time.time() - 4000)
    assert probable_holder(run) == claim  # the file is new: only its host's clock is wrong
    os.utime(run.claim_file, (time.time() - 4000,) * 2)
    assert probable_holder(run) is None
    with claimed(run) as other:  # this host's own clock may be wrong: it is watched first
        assert other == claim
    clock(61)
    with claimed(run) as other:
        assert other is None


def test_a_folder_that_is_gone_was_not_taken_over(run):
    with claimed(run):
        shutil.rmtree(run.path)
        with pytest.raises(ClaimLostError, match=rf"^the folder {run} no longer exists$"):
            ensure_claimed(run)


def test_a_single_run_watches_whether_another_host_is_alive(run, monkeypatch, capsys):
    assert not is_abandoned(run)
    with claimed(run):
        assert not is_abandoned(run)
    monkeypatch.setattr(claiming, "LOST_AFTER", 0.3)
    elsewhere(run, 1.0e12)
    assert is_abandoned(run)
    assert "whether process 1 on elsewhere is alive" in capsys.readouterr().err
    elsewhere(run, 2.0e12)
    threading.Timer(0.1, elsewhere, (run, 3.0e12)).start()
    assert not is_abandoned(run)


def test_a_suspended_holder_leaves_the_claim_of_the_next(run, monkeypatch):
    monkeypatch.setattr(claiming, "HEARTBEAT", 0.02)
    with claimed(run) as other:
        assert other is None
        ensure_claimed(run)
        with claiming._lock(run):  # meanwhile it was taken over
            theirs = elsewhere(run, time.time())
        time.sleep(0.2)  # some heartbeats
        assert holder(run) == theirs
        with pytest.raises(ClaimLostError, match="process 1 on elsewhere has taken over"):
            ensure_claimed(run)
    assert holder(run) == theirs


def test_a_suspended_holder_writes_no_claim_after_the_next_has_ended(run, monkeypatch):
    monkeypatch.setattr(claiming, "HEARTBEAT", 0.02)
    with claimed(run):
        run.claim_file.unlink()
        time.sleep(0.2)
        assert not run.claim_file.exists()
        with pytest.raises(ClaimLostError, match="another process has taken over"):
            ensure_claimed(run)


def test_a_process_that_has_claimed_nothing_loses_nothing(run):
    elsewhere(run, time.time())
    ensure_claimed(run)


def test_a_heartbeat_survives_an_error(run, monkeypatch):
    monkeypatch.setattr(claiming, "HEARTBEAT", 0.01)
    write, failures = claiming.write_text, []

    def fail_thrice(path: Path, text: str, **options: bool) -> None:
        if len(failures) < 3:
            failures.append(text)
            raise OSError(28, "No space left on device")
        write(path, text, **options)

    with claimed(run):
        first = holder(run)
        monkeypatch.setattr(claiming, "write_text", fail_thrice)
        time.sleep(0.3)
        second = holder(run)
        ensure_claimed(run)
    assert len(failures) == 3
    assert first is not None
    assert second is not None
    assert second.heartbeat > first.heartbeat


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"[1]",
        b'{"host": 1, "pid": "x", "born": 2, "heartbeat": []}',
        b'{"host": "elsewhere", "pid": 1, "born": "1", "heartbeat": NaN}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_claim_is_nobody_s(run, content):
    run.path.mkdir()
    run.claim_file.write_bytes(content)
    assert holder(run) is None
    with claimed(run) as other:
        assert other is None


def test_a_reused_pid_is_another_process(run):
    run.path.mkdir()
    claim = {"host": claiming.socket.gethostname(), "pid": os.getpid(), "born": "7", "heartbeat": 0}
    run.claim_file.write_text(json.dumps(claim))
    assert holder(run) is None


def test_the_heartbeat_is_written(run, monkeypatch):
    monkeypatch.setattr(claiming, "HEARTBEAT", 0.01)
    with claimed(run):
        first = holder(run)
        time.sleep(0.2)
        second = holder(run)
    assert first is not None
    assert second is not None
    assert second.heartbeat > first.heartbeat


def test_a_truncated_claim_is_ignored(run):
    run.path.mkdir()
    run.claim_file.write_text('{"host":')
    assert holder(run) is None
