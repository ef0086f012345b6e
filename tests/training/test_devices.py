"""Two devices give what one gives: each batch is shared out and gradients are averaged."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn
sys.path.insert(0, {here!r})
import small_run

def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4))

if __name__ == "__main__":
    torch.set_num_threads(1)
    small_run.network = network  # batch norm and dropout differ between devices by nature
    options = dict(augment=None, every=6, accumulate=2, gradient_clip=0.5, chunk_seconds=0.01)
    small_run.Run(Path(sys.argv[2]), epochs=2, devices=int(sys.argv[1]), **options).fit()
"""


@pytest.mark.slow
def test_two_devices_equal_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parents[1] / "support")))
    states = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        subprocess.run([sys.executable, script, str(devices), folder], check=True, timeout=300)
        states.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True))
    one, two = (state["state_dict"] for state in states)
    assert states[1]["position"]["epoch"] == 2
    for name, value in one.items():
        assert torch.allclose(value, two[name], rtol=0, atol=1e-6), name
