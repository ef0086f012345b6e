"""Two devices give what one gives: each batch is shared out and gradients are averaged."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import Command, descendants, has_begun

from cnnlab.runs.run_dir import find_runs

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


WORDS = ["train", "model=mlp", "data=digits", "batch_size=64", "trainer.accelerator=cpu"]
WORDS += ["trainer.devices=2", "sweep.name=s"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "preempted")]
)
def test_a_signal_saves_stops_all_processes_and_the_run_continues(tmp_path, number, state):
    command = Command(tmp_path, *WORDS, "trainer.epochs=2000")
    command.until(has_begun(tmp_path))
    processes = [command.pid, *descendants(command.pid)]
    command.signal(number)
    code, said = command.end()
    assert code == 130, said
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == state
    position = torch.load(run.last_checkpoint, weights_only=True)["position"]
    done = len(run.metrics())
    assert position["epoch"] >= done > 0
    words = [f"resume={run}", f"trainer.epochs={position['epoch'] + 1}"]
    code, said = Command(tmp_path, "train", *words).end()
    assert code == 0, said
    (more,) = (other for other in find_runs([tmp_path]) if other.name != run.name)
    assert list(more.metrics()["epoch"]) == list(range(1, position["epoch"] + 2))


@pytest.mark.slow
def test_the_first_process_that_fails_says_why(tmp_path):
    (tmp_path / "starved.py").write_text(STARVED)
    words = ["--import", "starved", "callbacks=[starved]", "trainer=smoke"]
    code, said = Command(tmp_path, *WORDS[:1], *words, *WORDS[1:]).end()
    assert code == 1, said
    (run,) = find_runs([tmp_path])
    status = run.status()
    assert status["state"] == "out of memory"
    assert status["error"].startswith("MemoryError: none left")
    assert "on_train_start" in status["traceback"]


STARVED = """
import lightning.pytorch as pl

from cnnlab.registry import CALLBACKS


@CALLBACKS.register("starved")
class Starved(pl.Callback):
    \"\"\"The second process has no memory.\"\"\"

    def on_train_start(self, trainer, *_):
        if trainer.global_rank == 1:
            raise MemoryError("none left")
"""
