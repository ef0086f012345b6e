"""GPUs and threads dealt out to jobs that run at one time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnnlab.registry import CnnlabError
from cnnlab.sweep.launchers.gpus import THREADS, GpuSlots, cores, partition_gpus, threads


@pytest.mark.parametrize(
    ("gpus", "per_job", "dealt"),
    [
        (["0", "1"], 1, ["0", "1"]),
        (["0", "1", "2", "3"], 2, ["0,1", "2,3"]),
        (["0", "1", "2"], 2, ["0,1"]),  # the third is too little for a job
        (["0", "1"], 0.5, ["0", "1", "0", "1"]),
        (["3"], 0.25, ["3"] * 4),
        (["0"], 1 / 3, ["0"] * 3),
        (["0"], 0.4, ["0"] * 2),  # a fifth of the GPU stays free
        (["GPU-ab", "GPU-cd"], 1.0, ["GPU-ab", "GPU-cd"]),
    ],
)
def test_gpus_are_dealt(gpus, per_job, dealt):
    assert partition_gpus(gpus, per_job) == dealt


def test_more_gpus_than_there_are():
    with pytest.raises(CnnlabError, match=r"gpus_per_job=2: this machine has 1 GPU$"):
        partition_gpus(["0"], 2)
    with pytest.raises(CnnlabError, match=r"gpus_per_job=0\.5: this machine has 0 GPUs"):
        partition_gpus([], 0.5)


def test_threads_are_the_job_s_unless_the_user_has_set_them(monkeypatch):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    assert threads(3) == {
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "7",
        "OPENBLAS_NUM_THREADS": "3",
    }


def test_cores_are_those_of_this_process():
    assert cores() == len(os.sched_getaffinity(0))


TAKE = """
import sys, time
from cnnlab.sweep.launchers.gpus import GpuSlots
slots = GpuSlots(sys.argv[1], ("0", "1"))
assert slots.acquire() == slots.acquire()  # a worker keeps what it has
print(slots.acquire(), flush=True)
sys.stdin.read()
"""


def taking(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", TAKE, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_share_belongs_to_one_process_until_it_ends(tmp_path):
    first, second = taking(tmp_path), taking(tmp_path)
    has_first, has_second = first.stdout.readline().strip(), second.stdout.readline().strip()
    assert {has_first, has_second} == {"0", "1"}
    third = taking(tmp_path)
    time.sleep(0.3)
    first.kill()
    assert third.stdout.readline().strip() == has_first
    for process in (first, second, third):
        process.kill()
        process.communicate()


def test_the_same_process_keeps_its_share_in_a_later_launch(tmp_path):
    assert GpuSlots(str(tmp_path), ("5",)).acquire() == "5"
    assert GpuSlots(str(tmp_path), ("5",)).acquire() == "5"
