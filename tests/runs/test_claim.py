import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from cnnlab.runs import claim as claiming
from cnnlab.runs.claim import Claim, claimed, holder
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


@pytest.mark.parametrize(("age", "alive"), [(59, True), (61, False)])
def test_the_claim_of_another_host_expires_without_heartbeat(run, age, alive):
    run.path.mkdir()
    claim = {"host": "elsewhere", "pid": 1, "born": "1", "heartbeat": time.time() - age}
    run.claim_file.write_text(json.dumps(claim))
    assert (holder(run) == Claim(**claim)) is alive


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
