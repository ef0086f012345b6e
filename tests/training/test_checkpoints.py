"""Which epoch best.ckpt holds, and what a checkpoint consists of."""

import errno
import itertools
import os
import re
import tempfile
import time
from types import SimpleNamespace

import pytest
import small_run
import torch
from lightning.pytorch import Callback
from small_run import assert_same, assert_same_run, network

from cnnlab.metrics import LOSS
from cnnlab.runs import durable
from cnnlab.training import checkpoint
from cnnlab.training.callbacks import EarlyStop
from cnnlab.training.checkpoint import CheckpointFiles
from cnnlab.training.schedule import Constant

ACCURACIES = [0.5, 0.9, 0.7, 0.9]
LOSSES = [0.9, 0.5, 0.3, 0.6]


class Pretend(Callback):
    """Puts made-up validation results in the place of the measured ones."""

    def on_validation_end(self, _, task) -> None:
        epoch = int(task.row["epoch"]) - 1
        task.row.update(val_acc=ACCURACIES[epoch], val_loss=LOSSES[epoch])


def trained(run, keep: str):
    return run(keep, epochs=4, keep=keep, callbacks=(Pretend(),)).fit()


@pytest.mark.parametrize(
    ("keep", "epoch", "value"), [("val_acc", 2, 0.9), ("val_loss", 3, 0.3), ("last", 4, 0.9)]
)
def test_selection(run, keep: str, epoch: int, value: float) -> None:
    """The earlier of two equal epochs stays."""
    made = trained(run, keep)
    assert made.checkpoint.best == {"epoch": epoch, "value": value}
    best = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
    last = torch.load(made.checkpoints / "last.ckpt", weights_only=True)
    assert best["position"]["epoch"] == epoch  # so many epochs are done
    assert last["position"]["epoch"] == 4
    same = torch.equal(best["state_dict"]["model.6.weight"], last["state_dict"]["model.6.weight"])
    assert same == (epoch == 4)


def test_the_last_epoch_alone_is_not_saved_again_and_again(run, monkeypatch) -> None:
    """An epoch may be shorter than a save; the clock here is a second later at each reading."""
    saved, clock = [], itertools.count()

    class Saves(Callback):
        def on_save_checkpoint(self, _, module, __) -> None:
            saved.append(module.position.epoch)

    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    run("short", epochs=20, keep="last", callbacks=(Saves(),)).fit()
    assert saved[-1] == 20
    assert 2 <= len(saved) <= 8


@pytest.mark.parametrize(("every", "epochs"), [({"every": 40}, [2, 4, 5]), ({}, [5])])
def test_a_number_of_steps_that_ends_with_an_epoch_is_kept_to(run, every, epochs) -> None:
    saved = []

    class Saves(Callback):
        def on_save_checkpoint(self, _, module, __) -> None:
            saved.append(module.position.epoch)

    run("every", epochs=5, keep="last", callbacks=(Saves(),), **every).fit()
    assert saved == epochs


def test_the_epoch_at_which_a_callback_stops_is_saved(run) -> None:
    class Stops(Callback):
        def on_train_epoch_end(self, trainer, module) -> None:
            trainer.should_stop |= module.position.epoch == 1  # of those done before

    made = run("stops", epochs=9, keep="last", callbacks=(Stops(),)).fit()
    state, _ = made.checkpoint.best_state(made.trainer)
    assert state["position"]["epoch"] == 2


def test_equal_states_are_two_files(run) -> None:
    """Damage to one of them leaves the other."""
    made = trained(run, "last")
    best, last = made.checkpoints / "best.ckpt", made.checkpoints / "last.ckpt"
    assert not best.samefile(last)
    assert best.read_bytes() == last.read_bytes()
    names = sorted(path.name for path in made.checkpoints.iterdir())
    assert names == ["best.ckpt", "last.ckpt"]
    assert sorted(path.name for path in made.folder.iterdir()) == ["checkpoints", "metrics.csv"]


def test_weights_load_into_the_plain_model(run) -> None:
    made = run(epochs=1).fit()
    saved = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
    model = network(seed=9)
    model.load_state_dict(
        {name.removeprefix("model."): value for name, value in saved["state_dict"].items()}
    )
    assert_same(dict(model.state_dict()), dict(made.model.state_dict()))


@pytest.mark.slow
def test_compiled_models_keep_their_names(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(seed: int) -> torch.nn.Module:
        model = network(seed)
        model.compile(backend="eager")
        return model

    monkeypatch.setattr(small_run, "network", compiled)
    made = run(epochs=1, max_steps=3).fit()
    saved = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
    assert list(saved["state_dict"]) == [f"model.{name}" for name in network().state_dict()]


class Rows(Callback):
    """Pretended validation results, by epoch and step."""

    def __init__(self, values: dict[tuple[int, int], float]) -> None:
        self.values = values

    def on_validation_end(self, _, task) -> None:
        task.row.update(val_acc=self.values[int(task.row["epoch"]), int(task.row["step"])])


CUT_SHORT = {(1, 20): 0.5, (2, 27): 0.9, (2, 33): 0.95, (2, 40): 0.4, (3, 60): 0.3}


@pytest.mark.parametrize("stops", [[27], [27, 33], [33]])
@pytest.mark.parametrize("whole", [0.4, 0.6])
def test_an_epoch_cut_short_is_the_best_only_until_it_is_whole(run, stops, whole) -> None:
    callbacks = (Rows({**CUT_SHORT, (2, 40): whole}),)
    undisturbed = run("whole", callbacks=callbacks).fit()
    made = run("parts", callbacks=callbacks)
    for made.max_steps in stops:
        made.fit()
        assert made.checkpoint.best == {"epoch": 2, "value": CUT_SHORT[2, made.max_steps]}
        best = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
        assert best["position"]["step"] == made.max_steps - 20
        made.fit()  # nothing is left to train: it stays the best
        assert made.checkpoint.best["epoch"] == 2
    made.max_steps = None
    made.fit()
    assert_same_run(undisturbed, made)
    epoch, value = (1, 0.5) if whole < 0.5 else (2, whole)
    assert made.checkpoint.best == {"epoch": epoch, "value": value}
    names = ("best.ckpt", "last.ckpt")
    assert sorted(path.name for path in made.checkpoints.iterdir()) == sorted(names)
    for name in names:
        ours, theirs = (
            torch.load(each.checkpoints / name, weights_only=True) for each in (made, undisturbed)
        )
        assert_same(ours["state_dict"], theirs["state_dict"])


def test_a_first_loss_that_is_no_number_is_beaten(run) -> None:
    class NoNumber(Callback):
        def on_validation_end(self, _, task) -> None:
            if task.row["epoch"] == 1:
                task.row["val_loss"] = float("nan")

    stop = EarlyStop("val_loss", 5)
    made = run(epochs=2, keep="val_loss", callbacks=(NoNumber(), stop)).fit()
    assert made.checkpoint.best["epoch"] == 2
    assert stop.best == made.rows()[1]["val_loss"]
    assert LOSS.is_better(0.2, float("nan"))
    assert not LOSS.is_better(float("nan"), None)


@pytest.mark.slow
def test_the_time_of_saving_is_not_training(run, monkeypatch: pytest.MonkeyPatch) -> None:
    save = CheckpointFiles.save_checkpoint

    def slow(*arguments, **options) -> None:
        time.sleep(0.3)
        save(*arguments, **options)

    monkeypatch.setattr(CheckpointFiles, "save_checkpoint", slow)
    made = run(epochs=2, every=5).fit()  # 8 saves, 2.4 s
    assert made.position.seconds < 1.2
    images = [float(line.rsplit(",", 1)[1]) for line in metrics(made)]
    assert all(speed > 320 / 1.2 for speed in images)


def metrics(made) -> list[str]:
    return (made.folder / "metrics.csv").read_text().splitlines()[1:]


def test_checkpoints_do_not_go_through_the_temporary_folder(run, monkeypatch, tmp_path) -> None:
    nowhere = tmp_path / "full"
    nowhere.touch()  # a file: nothing can be written below it
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    made = run(epochs=1).fit()
    assert (made.checkpoints / "last.ckpt").is_file()


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(run, monkeypatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def spy_sync(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}").rsplit("/", 1)[1]
        done.append("sync " + re.sub(r"\.\d+-\w+\.part$", ".part", name))
        sync(descriptor)

    def spy_replace(source, target) -> None:
        done.append(f"name {target.name}")
        replace(source, target)

    monkeypatch.setattr(durable.os, "fsync", spy_sync)
    monkeypatch.setattr(durable.os, "replace", spy_replace)
    run(epochs=1).fit()
    files = "metrics.csv", "best.ckpt", "last.ckpt"
    steps = [word for file in files for word in (f"sync .{file}.part", f"name {file}")]
    assert done == [*steps, "sync checkpoints"]


def test_a_full_disk_leaves_the_checkpoint_before_and_nothing_else(run, monkeypatch) -> None:
    made = run(epochs=1, schedule=Constant).fit()
    before = (made.checkpoints / "last.ckpt").read_bytes()

    def full(*_) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made.epochs = 2
    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            made.fit()
    names = [path.name for path in made.folder.rglob("*") if path.is_file()]
    assert sorted(names) == ["best.ckpt", "last.ckpt", "metrics.csv"]
    assert (made.checkpoints / "last.ckpt").read_bytes() == before
    assert_same_run(run("whole", epochs=2, schedule=Constant).fit(), made.fit())
