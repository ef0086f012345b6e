import math

import pytest

from cnnlab.compare.dataframe import load_runs
from cnnlab.registry import CnnlabError


def test_a_line_for_each_run_in_whatever_state(make_run, tmp_path):
    make_run(seed=1, test_acc=0.8, model="resnet20", **{"model.name": "resnet", "model.depth": 20})
    make_run(seed=2, state="failed").update_status(error="ValueError: no")
    make_run(seed=3).result_file.write_text("[]")
    first, failed, damaged = load_runs([tmp_path]).to_dict("records")
    assert (first["state"], first["seed"], first["test_acc"]) == ("done", 1, 0.8)
    assert (first["model"], first["model.depth"], first["optim.lr"]) == ("resnet20", 20, 0.1)
    assert (failed["state"], failed["error"]) == ("failed", "ValueError: no")
    assert math.isnan(failed["test_acc"])
    assert damaged["state"] == "damaged"
    assert "holds [], not a mapping" in damaged["error"]


def test_no_run_is_refused(tmp_path):
    with pytest.raises(CnnlabError, match="no run in"):
        load_runs([tmp_path])
