"""One job run in its folder: what happens to it when the folder is not as it should be."""

import dataclasses
import json
import math
import os
import signal
import time

import lightning.pytorch as pl
import pytest
import torch

from cnnlab.app.command import read_command
from cnnlab.runs.checkpoint_file import read_checkpoint
from cnnlab.runs.claim import Claim
from cnnlab.runs.durable import copy
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.sweep import begin
from cnnlab.sweep.execute import execute
from cnnlab.training.stopping import Stopped

WORDS = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=64", "data.size=8"]


@pytest.fixture
def make_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(*words):
        command = read_command([*WORDS, "batch_size=16", "trainer.accelerator=cpu", *words], False)
        return dataclasses.replace(command.make_job(command.overrides), title="job")

    return make


def content(run: RunDir) -> dict[str, bytes]:
    files = (path for path in run.path.rglob("*") if path.is_file() and path.name != "log.txt")
    return {str(path.relative_to(run.path)): path.read_bytes() for path in sorted(files)}


@dataclasses.dataclass
class TakenOver(pl.Callback):
    """What another process writes while this one is suspended, in the middle of epoch 2."""

    run: RunDir
    after: dict[str, bytes] = dataclasses.field(default_factory=dict)

    def callbacks(self):
        return [self]

    def on_train_epoch_start(self, trainer: pl.Trainer, _: pl.LightningModule) -> None:
        if trainer.current_epoch == 1:
            claim = Claim("elsewhere", 1, "1", time.time(), "theirs")
            self.run.claim_file.write_text(json.dumps(vars(claim)))
            self.run.metrics_file.write_text("theirs")
            self.run.last_checkpoint.write_text("theirs")
            self.after = content(self.run)


def test_a_run_that_another_process_took_over_is_stopped_and_left_as_it_is(make_job, capsys):
    job = make_job("trainer.epochs=5", "logger=[]")
    hook = TakenOver(job.run_dir)
    assert execute(dataclasses.replace(job, hooks=(hook,))) is None
    assert "stopped: process 1 on elsewhere has taken over" in capsys.readouterr().err
    assert hook.after["metrics.csv"] == b"theirs"
    assert content(job.run_dir) == hook.after


@pytest.mark.slow
def test_damaged_files_are_kept_beside_those_that_are_written_again(make_job, capsys):
    job = make_job("trainer.epochs=1")
    assert execute(job) is RunState.DONE
    run = job.run_dir
    result = run.result()
    for file in (run.status_file, run.result_file, run.config_file):
        before = run.status(), run.config()
        file.write_bytes(b"\xff\xfe{")
        capsys.readouterr()
        state = execute(job)
        if file == run.config_file:  # not needed: the job brings it
            assert state is None
            continue
        assert state is RunState.DONE
        assert f"job: {file}: is not UTF-8 text; kept as {file.name}.damaged-" in (
            capsys.readouterr().err
        )
        (kept,) = run.path.glob(f"{file.name}.damaged-*")
        assert kept.read_bytes() == b"\xff\xfe{"
        assert run.status()["identity"] == before[0]["identity"]
        scores = ("val_acc", "val_loss", "test_acc", "test_loss", "epochs", "seed")
        assert {key: run.result()[key] for key in scores} == {key: result[key] for key in scores}


def test_a_folder_that_cannot_be_trained_in_fails_its_own_job_only(make_job, capsys):
    job = make_job("trainer.epochs=1", "seed=1")
    run = job.run_dir
    run.path.mkdir(parents=True)
    run.checkpoint_dir.write_text("a file where a folder belongs")
    assert execute(job) is RunState.FAILED
    said = capsys.readouterr().err
    assert said == f"job failed: {run.checkpoint_dir}: file exists\n"
    run.checkpoint_dir.unlink()
    os.symlink(run.status_file.name, run.status_file)
    assert execute(job) is RunState.DONE
    assert "too many levels of symbolic links; kept as" in capsys.readouterr().err


SCORES = ("val_acc", "val_loss", "test_acc", "test_loss", "epochs", "steps", "best_epoch")


@pytest.mark.slow
def test_a_half_finished_run_goes_on_with_the_rows_that_can_be_read(make_job, capsys):
    job = make_job("trainer.epochs=3", "seed=2", "trainer.checkpoint=last")
    run = job.run_dir
    assert execute(job) is RunState.DONE
    result, whole = run.result(), run.metrics_file.read_text().splitlines()
    for damaged, left in (
        ([whole[0], whole[1], "2,\xb2", whole[3]], [1, 3]),
        (["no,header"], []),
    ):
        run.result_file.unlink()  # as after a kill
        run.metrics_file.write_text("\n".join(damaged))
        capsys.readouterr()
        assert execute(job) is RunState.DONE
        said = capsys.readouterr().err
        assert f"job: {run.metrics_file}: " in said
        assert ("; 2 epochs of it can be read" in said) == bool(left)
        assert "metrics.csv.damaged-" in run.log_file.read_text()
        again = run.result()
        assert again["test_acc"] == result["test_acc"]
        assert again["best_epoch"] == 3
        if left:
            assert list(run.metrics()["epoch"]) == left
            assert {key: again[key] for key in SCORES} == {key: result[key] for key in SCORES}
        else:
            assert again["val_acc"] == result["val_acc"]  # the checkpoint knows it
            assert math.isnan(again["val_loss"])


def test_a_run_that_cannot_go_on_says_so_in_its_folder(make_job, monkeypatch):
    job = make_job("trainer.epochs=1", "seed=3")
    run = job.run_dir
    assert execute(job) is RunState.DONE
    run.result_file.unlink()

    def fail(*_):
        raise PermissionError(13, "Permission denied", str(run.last_checkpoint))

    monkeypatch.setattr(begin, "repair_checkpoints", fail)
    assert execute(job) is RunState.FAILED
    assert run.status()["state"] == "failed"
    assert run.status()["error"] == f"{run.last_checkpoint}: permission denied"
    assert run.status()["identity"] == job.identity.to_dict()


@pytest.mark.parametrize(
    ("error", "level"), [(Stopped(signal.SIGINT), "INFO"), (OSError("broken"), "ERROR")]
)
def test_a_requested_stop_is_no_error_in_the_log(make_job, monkeypatch, error, level):
    def fail(*_):
        raise error

    job = make_job("trainer.epochs=1", "seed=5")
    monkeypatch.setattr("cnnlab.sweep.execute.run", fail)
    execute(job)
    lines = job.run_dir.log_file.read_text().splitlines()
    state = job.run_dir.status()["state"]
    assert f" {level} cnnlab: {state} {job.run_dir.name}" in "\n".join(lines)


def lose_best(run: RunDir) -> None:
    run.result_file.unlink()
    run.best_checkpoint.write_bytes(b"damaged")


@pytest.mark.slow
def test_a_lost_best_is_made_of_the_last_where_that_is_the_best(make_job):
    job = make_job("trainer.epochs=2", "seed=4", "trainer.checkpoint=last")
    assert execute(job) is RunState.DONE
    result = job.run_dir.result()
    lose_best(job.run_dir)
    assert execute(job) is RunState.DONE
    again = job.run_dir.result()
    assert {key: again[key] for key in SCORES} == {key: result[key] for key in SCORES}
    assert job.run_dir.best_checkpoint.read_bytes() == job.run_dir.last_checkpoint.read_bytes()


@pytest.mark.slow
def test_where_the_best_is_lost_and_no_epoch_is_left_the_last_is_tested(make_job, capsys):
    job = make_job("trainer.epochs=2", "seed=5", "optim.lr=1e-12")  # the first is the best
    run = job.run_dir
    assert execute(job) is RunState.DONE
    assert run.result()["best_epoch"] == 1
    for _ in range(2):
        lose_best(run)
        assert execute(job) is RunState.DONE
        assert run.result()["best_epoch"] == 2
    said = capsys.readouterr().err
    assert (
        said.count("job: the best epoch is unknown and none is left to train: testing the last, 2")
        == 1
    )
    assert read_checkpoint(run.best_checkpoint)["position"]["epoch"] == 2
    assert run.result()["val_acc"] == run.metrics()["val_acc"][1]


@pytest.mark.slow
def test_a_best_of_another_epoch_is_refused(make_job, capsys):
    job = make_job("trainer.epochs=2", "seed=6", "optim.lr=1e-12")
    run = job.run_dir
    assert execute(job) is RunState.DONE
    run.result_file.unlink()
    state = read_checkpoint(run.best_checkpoint)
    state["position"]["epoch"] = 0
    torch.save(state, run.best_checkpoint)
    assert execute(job) is RunState.FAILED
    assert f"{run.best_checkpoint}: holds epoch 0, but the best one is 1; delete" in (
        capsys.readouterr().err
    )
    run.best_checkpoint.unlink()
    assert execute(job) is RunState.DONE


@pytest.mark.slow
def test_a_kill_between_best_and_last_costs_nothing(make_job, monkeypatch):
    """The state that has only become best.ckpt is gone on from."""
    words = ("trainer.epochs=3", "trainer.checkpoint=last")
    whole = make_job(*words, "seed=7")
    assert execute(whole) is RunState.DONE
    run, other = whole.run_dir, make_job(*words, "seed=7", "rerun=true")
    copies = []

    def killed(source, target):
        if target.name == "last.ckpt" and len(copies) == 1:
            raise KeyboardInterrupt
        copies.append(target)
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("cnnlab.training.checkpoint.copy", killed)
        patch.setattr("cnnlab.training.checkpoint.LAST_SECONDS", 0.0)
        assert execute(other) is RunState.INTERRUPTED
    cut = other.run_dir
    last, best = (
        read_checkpoint(file)["position"]["epoch"]
        for file in (cut.last_checkpoint, cut.best_checkpoint)
    )
    assert (last, best) == (1, 2)
    assert execute(other) is RunState.DONE
    assert {key: cut.result()[key] for key in SCORES} == {key: run.result()[key] for key in SCORES}
    log = cut.log_file.read_text()
    assert "resumed" in log
