"""How many calls of ours lie between a command and the network: few enough to read."""

import pytest

from cnnlab.registry import MODELS

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


@pytest.mark.slow
def test_few_calls_of_ours_stand_above_the_first_forward_pass(cnnlab, tmp_path):
    (tmp_path / "watching.py").write_text(MODEL)
    words = ("train", "--import", "watching", "model=watched", "trainer=smoke")
    with MODELS.temporary():
        for more, most in (((), 9), (("-m", "seed=0,1"), 11)):  # a single run, a sweep
            answer = cnnlab(*words, *more)
            assert answer.code == 0, answer.err
            file = tmp_path / "calls.txt"
            calls = file.read_text().splitlines()
            assert any("training/run.py" in call for call in calls), "it was no training run's pass"
            assert len(calls) <= most, "\n".join(["", *calls])
            file.unlink()
