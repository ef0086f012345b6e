"""Errors cross processes by their class."""

import pickle
import signal
import subprocess
import sys

import pytest

from cnnlab.config.options import TrainerConfig
from cnnlab.registry import CnnlabError
from cnnlab.sweep.execute import final_state
from cnnlab.training import processes
from cnnlab.training.processes import pickled
from cnnlab.training.stopping import (
    SIGNALS,
    ProcessKilledError,
    Pruned,
    Stopped,
    TrainingDivergedError,
)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TrainingDivergedError(float("inf"), 2, 17), "diverged"),
        (Stopped(signal.SIGINT), "interrupted"),
        (Stopped(signal.SIGTERM), "preempted"),
        (Pruned("after epoch 1"), "pruned"),
        (ProcessKilledError("process 2 of 2 was killed by SIGKILL"), "killed"),
        (MemoryError("no more"), "out of memory"),
        (CnnlabError("a mistake"), "failed"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (RuntimeError("CUDA error: out of memory"), "out of memory"),
        (ValueError("a name that holds out of memory"), "failed"),
    ],
)
def test_an_error_of_a_process_ends_the_run_in_its_own_state(error, state):
    again, text = pickle.loads(pickled(error))
    assert str(error) in text
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert final_state(again) == state


def test_an_error_that_cannot_bepickled_keeps_its_name_and_text():
    class LocalError(Exception):
        pass

    again, _ = pickle.loads(pickled(LocalError("only here")))
    assert isinstance(again, RuntimeError)
    assert str(again) == "LocalError: only here"


def test_ctrl_c_is_not_lost_behind_lightnings_exit():
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)
    except SystemExit as error:
        again, _ = pickle.loads(pickled(error))
    assert final_state(again) == "interrupted"


def test_a_node_number_of_the_cluster_is_not_passed_on(monkeypatch, tmp_path):
    """Lightning would count the ranks of another node."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "Error: $NODE_RANK $LOCAL_RANK" >&2\n')
    python.chmod(0o700)
    monkeypatch.setenv("NODE_RANK", "1")
    monkeypatch.setattr(processes.sys, "executable", str(python))
    with processes._started(2, str(tmp_path), "title") as (running, errors):
        assert processes._wait(running) is None
    assert sorted(errors) == ["Error: 0 0", "Error: 0 1"]


def test_others_wait_for_hours_for_a_process_that_packs_photographs(monkeypatch):
    given = {}
    monkeypatch.setattr(
        processes.dist, "init_process_group", lambda *_, **options: given.update(options)
    )
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    processes.join_group(TrainerConfig(accelerator="cpu"), init_method="file:///nowhere")
    assert given["timeout"].total_seconds() >= 3600


@pytest.fixture
def started():
    """Starts shell commands; none is left at the end."""
    running = []

    def start(*commands: str) -> list[subprocess.Popen[bytes]]:
        for command in commands:
            running.append(subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE))
        return running

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_all_end_well(started):
    assert processes._wait(started("exit 0", "sleep 0.1")) is None


def test_the_others_get_some_time_after_the_first_has_failed(started, monkeypatch):
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.1)
    assert processes._wait(started("exec sleep 100", "exit 3", "exec sleep 100")) == 1


def test_a_killed_process_counts_before_those_that_miss_it(started):
    ended = started("exit 1", "kill -9 $$")
    for process in ended:
        process.wait()
    assert processes._wait(ended) == 1


def test_the_first_process_hears_of_the_first_signal_and_all_die_at_the_second(started):
    running = started("exec head -c 1", "exec sleep 100")
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        received = processes._forward_signals(running)
        signal.raise_signal(signal.SIGUSR2)
        assert running[0].wait() == 0
        signal.raise_signal(signal.SIGTERM)
        assert running[1].wait() == -signal.SIGKILL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert received == [signal.SIGUSR2, signal.SIGTERM]
