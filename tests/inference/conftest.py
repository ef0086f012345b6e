"""A tiny trained sweep that prediction and export are tried on."""

from pathlib import Path

import pytest

import cnnlab as api
from cnnlab.runs.run_dir import RunDir, find_runs

WORDS = ["model=mlp", "model.hidden=[8]", "data=digits", "trainer=smoke", "trainer.max_steps=40"]
WORDS += ["trainer.accelerator=cpu", "seed=0,1", "sweep.name=s", "logger=[]"]


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunDir]:
    """An MLP on the digits of 32x32x1, of two seeds; not to be changed."""
    top = tmp_path_factory.mktemp("two_runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.setenv("CNNLAB_IMPORT", "")
        api.train(["-m", *WORDS, f"runs_dir={top / 'runs'}"])
    return find_runs([Path(top)])
