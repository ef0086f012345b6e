"""A long sweep in one process needs no more memory than a short one, failed jobs included."""

import subprocess
import sys
from pathlib import Path

import pytest

MODEL = '''
from torch import nn
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

@MODELS.register("heavy")
class Heavy(nn.Module):
    """A million weights, which fail when asked to: 4 MB, with gradients and momentum 12."""

    def __init__(self, spec: ImageSpec, *, fails: bool = False):
        super().__init__()
        self.fails = fails
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(spec.num_features, 1000), nn.Linear(1000, spec.num_classes)
        )

    def forward(self, x):
        if self.fails and x.device.type != "meta":
            raise RuntimeError("no luck")
        return self.layers(x)
'''
SCRIPT = """
import resource, sys
from cnnlab.discovery import discover
discover(["heavy"])
from cnnlab.app.train import train

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

words = ["model=heavy", "trainer=smoke", "data=digits"]
train([*words, "model.fails=false,true", "seed=range(4)"], multirun=True)
before = peak()
runs = train([*words, "model.fails=false,true", "seed=range(4,20)"], multirun=True)
states = [run.status()["state"] for run in runs]
print(states.count("done"), states.count("failed"), peak() - before)
"""


@pytest.mark.slow(30)
def test_memory_is_flat_over_thirty_jobs(tmp_path: Path):
    (tmp_path / "heavy.py").write_text(MODEL)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    finished, failed, growth = done.stdout.splitlines()[-1].split()
    assert (int(finished), int(failed)) == (16, 16)
    assert float(growth) < 26  # MB; one leaked model of each failure would be 192
