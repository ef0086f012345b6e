"""The summary of a training command."""

import pytest

from cnnlab.app.outcome import print_outcome


@pytest.mark.parametrize(("states", "done"), [(["done", "failed"], 1), (["failed", "failed"], 0)])
def test_a_comparison_is_suggested_where_something_is_done(make_run, capsys, states, done):
    runs = [make_run(state=state) for state in states]
    assert not print_outcome(runs)
    said = capsys.readouterr().out
    assert f"{done} of 2 runs done" in said
    assert said.count("cnnlab compare ") == done
