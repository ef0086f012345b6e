"""A person's own model: it fails, it is edited, and it is imported only by name."""

import sys

import pytest
from hydra.core.config_store import ConfigStore

from cnnlab.discovery import discover
from cnnlab.registry import MODELS
from cnnlab.runs.run_dir import find_runs

QUICK = ["data=synthetic", "data.num_train=200", "data.size=12", "batch_size=16"]

MODEL = '''
from torch import nn

from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec


@MODELS.register("mynet")
class MyNet(nn.Module):
    """One linear layer."""

    def __init__(self, spec: ImageSpec, *, fails: bool = False):
        super().__init__()
        self.fails = fails
        self.linear = nn.Linear(spec.num_features, spec.num_classes)

    def forward(self, x):
        if self.fails and x.device.type != "meta":
            raise RuntimeError("a wire came loose")
        return self.linear(x.flatten(1))
'''


@pytest.fixture
def mynet(tmp_path, monkeypatch):
    """A user's own module, forgotten again after the test."""
    discover()  # before the registry is to be restored
    name = f"my_models_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    with MODELS.temporary():
        yield name
    sys.modules.pop(name, None)
    ConfigStore.instance().repo["model"].pop("mynet.yaml", None)


@pytest.mark.slow
def test_a_failing_job_is_recorded_and_the_sweep_goes_on(cnnlab, mynet):
    answer = cnnlab(
        *("train", "-m", "--import", mynet, "model=mynet", *QUICK, "trainer=smoke"),
        *("model.fails=true,false", "seed=0,1", "sweep.name=s"),
    )
    assert answer.code == 1
    states = {run.name: run.status()["state"] for run in find_runs(["runs/s"])}
    assert sorted(states.values()) == ["done", "done", "failed", "failed"]
    assert "2 of 4 runs done" in answer.out
    assert "a wire came loose" in answer.out
    failed = next(run for run in find_runs(["runs/s"]) if run.status()["state"] == "failed")
    assert failed.status()["error"] == "RuntimeError: a wire came loose"
    assert "Traceback" in failed.log_file.read_text()
    assert not failed.result()
    assert "Traceback" not in answer.err
    listed = cnnlab("runs", "runs/s", "--status", "failed").out
    assert all(name in listed for name, state in states.items() if state == "failed")
    assert listed.count("RuntimeError: a wire came loose") == 2
    why = cnnlab("runs", "--why", str(failed)).out
    assert "RuntimeError: a wire came loose" in why
    assert "in forward" in why


@pytest.mark.slow
def test_an_edited_model_is_trained_anew_and_says_so(cnnlab, mynet, tmp_path):
    words = ["train", "--import", mynet, "model=mynet", *QUICK, "trainer=smoke"]
    cnnlab(*words)
    file = tmp_path / f"{mynet}.py"
    file.write_text(MODEL.replace("x.flatten(1)", "x.flatten(start_dim=1)"))
    answer = cnnlab(*words)
    assert "the code of the model has changed since mynet_synthetic" in answer.err
    assert len(find_runs(["runs"])) == 2
    file.write_text(file.read_text().replace("One linear layer", "A layer") + "\n# better now\n")
    assert "already done" in cnnlab(*words).err
    assert len(find_runs(["runs"])) == 2


def test_a_saved_config_never_imports_a_module(cnnlab, mynet, monkeypatch):
    with MODELS.temporary():
        cnnlab("train", "--import", mynet, "model=mynet", *QUICK, "trainer=smoke")
    (run,) = find_runs(["runs"])
    assert run.status()["imports"] == [mynet]
    monkeypatch.setenv("CNNLAB_IMPORT", "")
    answer = cnnlab("test", str(run))
    assert answer.code == 2
    assert (
        f"no model 'mynet' is registered here; the run was made with --import {mynet}" in answer.err
    )
