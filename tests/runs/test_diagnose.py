"""`cnnlab runs --why RUN`: of a failure with its traceback, of a stop on purpose without."""

import pytest

from cnnlab.runs.diagnose import explain

TRACE = 'Traceback (most recent call last):\n  File "x.py", line 3, in step\nStopped: by SIGINT'
LOG = f"12:00 started\n12:01 {{state}} run\n{TRACE}\n12:02 a later line\n"


@pytest.fixture
def explained(make_run):
    def explained(state):
        run = make_run(state=state)
        run.update_status(error="by SIGINT", traceback=f"{TRACE}\n")
        run.log_file.write_text(LOG.format(state=state))
        return explain(run)

    return explained


@pytest.mark.parametrize("state", ["interrupted", "preempted", "pruned"])
def test_a_stop_on_purpose_shows_no_stack(explained, state):
    said = explained(state)
    assert f"{state} after " in said
    assert "by SIGINT" in said.splitlines()[1]
    assert "12:02 a later line" in said
    assert "raceback" not in said
    assert "x.py" not in said


def test_a_failure_shows_it_once(explained):
    said = explained("failed")
    assert said.count("x.py") == 1
    assert "(the traceback above)" in said
