"""How many calls of ours lie between a command and the network: few enough to read."""

import subprocess
import sys

import pytest

MODEL = """
import sys
from pathlib import Path

from torch import nn

import cnnlab
from cnnlab.registry import MODELS

HOUSE = str(Path(cnnlab.__file__).parent)


@MODELS.register("watched")
class Watched(nn.Module):
    '''One linear layer that writes down the calls it was reached by, the first time it trains.'''

    def __init__(self, spec):
        super().__init__()
        self.head = nn.Linear(spec.channels * spec.height * spec.width, spec.num_classes)

    def forward(self, x):
        calls = Path("calls.txt")
        if self.training and not x.is_meta and not calls.exists():
            frame, lines = sys._getframe(1), []
            while frame is not None:
                code = frame.f_code
                if code.co_filename.startswith((HOUSE, str(Path(HOUSE).parent / "hydra_plugins"))):
                    lines.append(f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}")
                frame = frame.f_back
            calls.write_text("\\n".join(lines))
        return self.head(x.flatten(1))
"""
PROGRAM = """
import sys
sys.argv = ["cnnlab", *{words!r}]
from cnnlab.app.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "most"),
    [
        pytest.param((), 9, id="single", marks=pytest.mark.slow),
        pytest.param(("-m", "seed=0,1"), 11, id="sweep", marks=pytest.mark.slow),
    ],
)
def test_few_calls_of_ours_stand_above_the_first_forward_pass(tmp_path, words, most):
    (tmp_path / "watching.py").write_text(MODEL)
    words = ("train", "--import", "watching", "model=watched", "trainer=smoke", *words)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(words=list(words))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls.txt").read_text().splitlines()
    assert any("training/run.py" in call for call in calls), "the pass was not a training run's"
    assert len(calls) <= most, "\n".join(["", *calls])
