"""The states of a run, and which runs a command trains."""

import json
import pickle

import pytest

from cnnlab.runs.claim import claimed
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState, may_run
from cnnlab.runs.status import state_of

FAILURES = ["failed", "diverged", "out of memory"]
CUT_SHORT = ["interrupted", "preempted", "disk full", "killed"]


def test_words_in_status_json():
    assert list(RunState) == [
        *("running", "done", "pruned", *FAILURES, *CUT_SHORT),
        "not started",
    ]
    assert json.dumps({"state": RunState.OUT_OF_MEMORY}) == '{"state": "out of memory"}'
    assert pickle.loads(pickle.dumps(RunState.DONE)) is RunState.DONE


def test_failures_and_runs_cut_short():
    assert [state for state in RunState if state.is_failure] == FAILURES
    assert [state for state in RunState if state.is_resumable] == CUT_SHORT


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"state": "done"}, "done"),
        ({"state": "out of memory", "error": "..."}, "out of memory"),
        ({}, "not started"),
        ({"state": "not begun"}, "not started"),  # the first edition's word, never written
        ({"state": "of a later version"}, "not started"),
        ({"state": ["done"]}, "not started"),
    ],
)
def test_the_state_that_a_file_records(status, state):
    assert RunState.recorded(status) == state


@pytest.mark.parametrize("retry", [True, False])
def test_which_runs_are_trained(retry):
    trained = {state for state in RunState if may_run(state, retry=retry)}
    assert trained == {"running", "pruned", "not started", *CUT_SHORT, *(FAILURES if retry else ())}


def test_the_state_of_a_folder(tmp_path, make_run):
    assert state_of(RunDir(tmp_path / "nothing")) == (RunState.NOT_STARTED, {})
    for word in ("done", "pruned", *FAILURES, "interrupted", "preempted"):
        assert state_of(make_run(state=word))[0] is RunState(word)
    running = make_run(state="running")
    assert state_of(running)[0] is RunState.KILLED
    with claimed(running):
        assert state_of(running)[0] is RunState.RUNNING


def test_a_finished_run_without_its_result_is_trained_again(make_run):
    run = make_run()
    run.result_file.write_text("{")  # half a file, from another program
    state, _ = state_of(run)
    assert state is RunState.KILLED
    assert may_run(state, retry=False)
