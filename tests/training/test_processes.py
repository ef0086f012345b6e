"""Errors cross processes by their class."""

import pickle
import signal
import sys

import pytest

from cnnlab.registry import CnnlabError
from cnnlab.sweep.execute import final_state
from cnnlab.training.processes import _pickled
from cnnlab.training.stopping import Pruned, Stopped, TrainingDivergedError


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TrainingDivergedError(float("inf"), 2, 17), "diverged"),
        (Stopped(signal.SIGINT), "interrupted"),
        (Stopped(signal.SIGTERM), "preempted"),
        (Pruned("after epoch 1"), "pruned"),
        (MemoryError("no more"), "out of memory"),
        (CnnlabError("a mistake"), "failed"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (RuntimeError("CUDA error: out of memory"), "out of memory"),
        (ValueError("a name that holds out of memory"), "failed"),
    ],
)
def test_an_error_of_a_process_ends_the_run_in_its_own_state(error, state):
    again, text = pickle.loads(_pickled(error))
    assert str(error) in text
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert final_state(again) == state


def test_an_error_that_cannot_be_pickled_keeps_its_name_and_text():
    class LocalError(Exception):
        pass

    again, _ = pickle.loads(_pickled(LocalError("only here")))
    assert isinstance(again, RuntimeError)
    assert str(again) == "LocalError: only here"


def test_ctrl_c_is_not_lost_behind_lightnings_exit():
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)
    except SystemExit as error:
        again, _ = pickle.loads(_pickled(error))
    assert final_state(again) == "interrupted"
