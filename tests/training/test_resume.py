"""A run that was stopped anywhere ends as if it had not been: weights, optimiser, rows, best."""

import signal
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from commands import Command
from small_run import AccidentError, CrashAt, assert_same_run

from cnnlab.registry import CnnlabError
from cnnlab.training.callbacks import EarlyStop
from cnnlab.training.optim import adam
from cnnlab.training.plateau import Plateau

CRASHES = [
    ("on_train_batch_end", 3),  # before any checkpoint: from the start again
    ("on_train_batch_end", 13),  # within the first epoch
    ("on_validation_start", 20),
    ("on_train_epoch_end", 20),  # the epoch's row may be written, its checkpoint is not
    ("on_train_epoch_start", 20),  # at an epoch's end, just saved
    ("on_train_batch_end", 33),
    ("on_train_batch_end", 60),  # the last step of all
]


@pytest.mark.parametrize(("hook", "step"), CRASHES)
def test_resume_is_exact(run, hook: str, step: int) -> None:
    options = {"every": 6, "optimizer": adam, "gradient_clip": 1.0}
    options["schedule"] = partial(Plateau, metric="val_acc", patience=0, gamma=0.5)
    whole = run("whole", chunk_steps=50, **options).fit()
    broken = run("broken", chunk_steps=7, callbacks=(CrashAt(hook, step),), **options)
    with pytest.raises(AccidentError):
        broken.fit()
    broken.callbacks, broken.chunk_steps = (), 3
    broken.fit()
    assert_same_run(whole, broken)
    assert broken.trainer.global_step == 60
    assert broken.trainer.current_epoch == 3
    assert broken.module.schedule.state_dict() == whole.module.schedule.state_dict()


def test_mid_epoch_checkpoint_is_where_it_was_due(run) -> None:
    broken = run(every=6, callbacks=(CrashAt("on_train_batch_end", 34),))
    with pytest.raises(AccidentError):
        broken.fit()
    saved = torch.load(broken.checkpoints / "last.ckpt", weights_only=True)
    assert (saved["position"]["epoch"], saved["position"]["step"]) == (1, 10)
    assert saved["global_step"] == 30
    assert saved["tally"]["images"] == 160


def test_more_epochs_follow_the_longer_schedule(run) -> None:
    """Resuming a finished run of 2 epochs with 4: its last epochs use the schedule over 4."""
    made = run(epochs=2).fit()
    made.epochs = 4
    made.fit()
    rows = made.rows()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert made.trainer.global_step == 80
    assert rows[2]["lr"] == pytest.approx(0.05 * made.module.schedule.factor(59), rel=1e-12)


def test_a_finished_run_trains_no_more(run) -> None:
    made = run().fit()
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    rows = made.rows()
    made.fit()
    assert all(torch.equal(before[name], value) for name, value in made.model.state_dict().items())
    assert made.rows() == rows


def test_max_steps_ends_and_a_larger_one_goes_on(run) -> None:
    whole = run("whole", max_steps=47).fit()
    assert whole.trainer.global_step == 47
    assert [row["step"] for row in whole.rows()] == [20, 40, 47]
    parts = run("parts", max_steps=27).fit()
    assert [row["step"] for row in parts.rows()] == [20, 27]
    parts.max_steps = 47
    parts.fit()
    assert parts.rows() == whole.rows()
    parts.fit()
    assert parts.trainer.global_step == 47


def test_max_steps_at_an_epochs_end_starts_no_other(run) -> None:
    made = run(max_steps=40).fit()
    assert [row["step"] for row in made.rows()] == [20, 40]


def test_max_time_ends_the_epoch_early_validates_and_goes_on(run) -> None:
    made = run(max_seconds=1e-6, chunk_steps=2).fit()
    assert [row["step"] for row in made.rows()] == [4]  # one chunk was fetched ahead
    made.max_seconds = None
    made.fit()
    whole = run("whole").fit()
    assert made.rows() == whole.rows()


def test_early_stop_is_remembered(run) -> None:
    """With a learning rate of nearly 0 nothing improves after the first epoch."""

    def attempt() -> list[float]:
        made.callbacks = (EarlyStop("val_acc", patience=2),)
        return [row["epoch"] for row in made.fit().rows()]

    made = run(epochs=9, optimizer=partial(adam, lr=1e-12))
    assert attempt() == [1, 2, 3]
    assert attempt() == [1, 2, 3]


def test_another_batch_size_is_refused(run) -> None:
    made = run(epochs=1).fit()
    made.batch_size = 32
    with pytest.raises(CnnlabError, match="epochs have 20 steps and this run's 10"):
        made.fit()


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from small_run import Run
from cnnlab.training.optim import adam
Run(Path(sys.argv[2]), epochs=60, every=7, optimizer=adam).fit()
"""


@pytest.mark.slow
def test_sigkill_at_any_moment(run, tmp_path: Path) -> None:
    """Kill the process for real, soon after so many epochs, and start it again each time."""
    options = {"epochs": 60, "every": 7, "optimizer": adam}
    here, folder = str(Path(__file__).parents[1] / "support"), tmp_path / "killed"

    def start() -> Command:
        return Command(tmp_path, here, str(folder), program=SCRIPT)

    def epochs_done() -> int:
        path = folder / "metrics.csv"
        return len(path.read_text().splitlines()) - 1 if path.exists() else 0

    for epochs, delay in [(1, 0.01), (17, 0.037), (38, 0.023)]:
        process = start()
        while epochs_done() < epochs:
            assert process.is_running
            time.sleep(0.002)
        time.sleep(delay)
        process.signal(signal.SIGKILL)
        process.end()
        assert epochs <= epochs_done() < 60
    assert start().end()[0] == 0
    ended = run("killed", **options).fit()  # loads the last state and trains nothing
    assert_same_run(run("whole", **options).fit(), ended)
