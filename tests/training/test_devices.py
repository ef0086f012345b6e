"""Two devices give what one gives: each batch is shared out and gradients are averaged."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import Command, all_end, descendants, has_begun, is_alive

from cnnlab.runs.run_dir import find_runs
from cnnlab.runs.status import state_of

# Every fit of one script, so that its two processes start once.
SCRIPT = """
import os
import sys
from pathlib import Path
import lightning.pytorch as pl
import torch
from torch import nn
sys.path.insert(0, {here!r})
import small_run
from cnnlab.data.dataset import Splits
from functools import partial
from cnnlab.data.augmentations.policies import RandAugment
from cnnlab.training.callback_options import ema, grad_norm
from cnnlab.training.optim import adam

def plain(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4))

class Unused(nn.Module):
    def __init__(self, seed):
        super().__init__()
        self.layers, self.extra = plain(seed), nn.Linear(3, 3)

    def forward(self, inputs):
        return self.layers(inputs)

class Thaw(pl.Callback):
    def on_fit_start(self, trainer, module):
        module.model[1].requires_grad_(False)

    def on_train_epoch_start(self, trainer, module):
        module.model[1].requires_grad_(trainer.current_epoch > 0)

train = small_run.SPLITS.train
few = train.select(((train.labels > 0) | (torch.arange(len(train)) % 8 == 0)).nonzero()[:, 0])
unbalanced = Splits(few, small_run.SPLITS.val, small_run.SPLITS.test, "1" * 12)
GROUPS = partial(adam, weight_decay=0.1, no_decay=("bias",), lr_factors={{"1.*": 0.5}})
clipped = dict(every=6, accumulate=2, gradient_clip=0.5)
balanced = small_run.cross_entropy(label_smoothing=0.1, class_weights="balanced")
weighted = dict(splits=unbalanced, loss=balanced)
averaged = dict(weighted, callbacks=(ema(decay=0.9), grad_norm()), metrics={{"top_k": {{"k": 2}}}})
FITS = {{
    "plain": (plain, clipped),
    "adam": (plain, dict(optimizer=adam)),
    "weighted": (plain, weighted),
    "weighted_accumulated": (plain, weighted | clipped),
    "unused": (Unused, clipped),
    "thawed": (plain, dict(callbacks=(Thaw(),), optimizer=adam)),
    "options": (plain, dict(optimizer=GROUPS, overfit=2, accumulate=2, val_every=2)),
    "averaged": (plain, averaged | clipped),
    "batch_norm": (small_run.network, dict(registered=(RandAugment(small_run.SPEC),))),
}}

if __name__ == "__main__":
    torch.set_num_threads(1)
    devices, folder = int(sys.argv[1]), Path(sys.argv[2])
    for name, (network, options) in FITS.items():
        small_run.network = network
        common = dict(epochs=2, devices=devices, augment=None, chunk_seconds=0.01)
        run = small_run.Run(folder / name, **common, **options).fit()
        torch.save(run.module.row, folder / name / f"row-{{os.environ.get('LOCAL_RANK', 0)}}")
"""


@pytest.fixture(scope="module")
def fits(tmp_path_factory) -> dict[int, Path]:
    """The folders of the script's fits with one device and with two."""
    script = tmp_path_factory.mktemp("script") / "script.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parents[1] / "support")))
    folders = {devices: script.parent / str(devices) for devices in (1, 2)}
    one = Command(script.parent, "1", str(folders[1]), program=script.read_text())
    subprocess.run([sys.executable, script, "2", folders[2]], check=True, timeout=300)
    assert one.end()[0] == 0
    return folders


def last(folder: Path):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("plain", "adam", "weighted", "weighted_accumulated"),
        *("unused", "thawed", "options", "averaged"),
    ],
)
def test_two_devices_equal_one(fits, name) -> None:
    """Without batch norm and dropout, which differ between devices by nature."""
    one, two = last(fits[1] / name), last(fits[2] / name)
    assert two["position"]["epoch"] == 2
    assert one["state_dict"].keys() == two["state_dict"].keys()
    for key, value in one["state_dict"].items():
        assert torch.allclose(value, two["state_dict"][key], rtol=0, atol=1e-5), key
    for key in ("train_loss", "train_acc", "val_loss"):
        rows = [torch.load(fits[n] / name / "row-0", weights_only=True) for n in (1, 2)]
        assert rows[0][key] == pytest.approx(rows[1][key], abs=1e-5)


@pytest.mark.slow
def test_what_is_decided_by_a_row_is_decided_alike_on_every_device(fits) -> None:
    """Early stopping and plateaus: devices that differ would wait for each other for ever."""
    rows = [torch.load(fits[2] / "batch_norm" / f"row-{n}", weights_only=True) for n in (0, 1)]
    assert rows[0] == rows[1]


WORDS = ["train", "model=mlp", "data=digits", "batch_size=64", "trainer.accelerator=cpu"]
WORDS += ["trainer.devices=2", "sweep.name=s"]


@pytest.mark.slow(40)
def test_a_signal_saves_stops_all_processes_and_the_run_continues(tmp_path):
    command = Command(tmp_path, *WORDS, "trainer.epochs=2000")
    command.until(has_begun(tmp_path))
    processes = [command.pid, *descendants(command.pid)]
    command.signal(signal.SIGINT)
    code, said = command.end()
    assert code == 130, said
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == "interrupted"
    position = torch.load(run.last_checkpoint, weights_only=True)["position"]
    done = len(run.metrics())
    assert position["epoch"] >= done > 0
    words = [f"resume={run}", f"trainer.epochs={position['epoch'] + 1}"]
    code, said = Command(tmp_path, "train", *words).end()
    assert code == 0, said
    (more,) = (other for other in find_runs([tmp_path]) if other.name != run.name)
    assert list(more.metrics()["epoch"]) == list(range(1, position["epoch"] + 2))


@pytest.mark.slow(60)
def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    from torture.two_device_kills import two_device_kills

    record = two_device_kills(tmp_path, count=1, seed=1)
    assert record["trials"] == 1
    assert not record["faults"], record["first_faults"]


@pytest.mark.slow(20)
def test_saving_by_the_clock_ends(tmp_path):
    """Each process has a clock of its own."""
    words = ["trainer.checkpoint_every=0.05s", "trainer.early_stopping=3", "trainer.epochs=12"]
    code, said = Command(tmp_path, *WORDS, *words).end()
    assert code == 0, said
    (run,) = find_runs([tmp_path])
    assert run.is_done
    assert 3 < len(run.metrics()) <= 12
    assert run.result()["steps"] == len(run.metrics()) * (run.result()["num_train"] // 64)


@pytest.mark.slow(20)
def test_divergence_is_called_so(tmp_path):
    code, said = Command(tmp_path, *WORDS, "optim.lr=1e9", "trainer.epochs=2").end()
    assert code == 1, said
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == "diverged"
    assert "training diverged: loss nan" in run.status()["error"]


@pytest.mark.slow(20)
def test_a_signal_while_the_processes_start_is_not_lost(tmp_path):
    command = Command(tmp_path, *WORDS, "trainer.epochs=2000")
    command.until(lambda: len(descendants(command.pid)) == 2)
    command.signal(signal.SIGTERM)
    code, said = command.end()
    assert code == 130, said
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == "preempted"
    assert run.last_checkpoint.is_file()


@pytest.mark.slow(20)
def test_a_second_signal_ends_all_processes_at_once(tmp_path):
    command = Command(tmp_path, *WORDS, "trainer.epochs=2000")
    command.until(lambda: len(descendants(command.pid)) == 2)
    processes = descendants(command.pid)
    command.signal(signal.SIGINT)
    time.sleep(0.1)
    command.signal(signal.SIGINT)
    code, said = command.end()
    assert code == 130, said
    assert not any(map(is_alive, processes))
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == "interrupted"


@pytest.mark.slow(20)
def test_a_killed_parent_leaves_no_orphan(tmp_path):
    command = Command(tmp_path, *WORDS, "trainer.epochs=2000")
    command.until(has_begun(tmp_path))
    processes = descendants(command.pid)
    assert len(processes) == 2
    command.signal(signal.SIGKILL)
    command.end()
    assert all_end(processes, 60)


@pytest.mark.slow(20)
def test_a_process_that_is_killed_ends_the_run(tmp_path):
    """As with one device: the run is killed, and the same command goes on."""
    command = Command(tmp_path, *WORDS, "trainer.epochs=2000")
    command.until(has_begun(tmp_path))
    second = max(descendants(command.pid))
    os.kill(second, signal.SIGKILL)
    code, said = command.end()
    assert code == 130, said
    (run,) = find_runs([tmp_path])
    state, status = state_of(run)
    assert (state, state.is_resumable) == ("killed", True)
    assert status["error"] == "process 2 of 2 was killed by SIGKILL"


@pytest.mark.slow(20)
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
