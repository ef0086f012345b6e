"""One job run in its folder: what happens to it when the folder is not as it should be."""

import dataclasses
import json
import os
import time

import lightning.pytorch as pl
import pytest

from cnnlab.app.command import read_command
from cnnlab.runs.claim import Claim
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.sweep.execute import execute

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
    assert "stopped here: process 1 on elsewhere has taken over" in capsys.readouterr().err
    assert hook.after["metrics.csv"] == b"theirs"
    assert content(job.run_dir) == hook.after


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


def test_a_half_finished_run_needs_its_metrics(make_job, capsys):
    job = make_job("trainer.epochs=1", "seed=2")
    run = job.run_dir
    assert execute(job) is RunState.DONE
    run.result_file.unlink()  # as after a kill
    whole = run.metrics_file.read_bytes()
    run.metrics_file.write_bytes(b"epoch,val_acc\none,two\n")
    before = content(run)
    assert execute(job) is RunState.FAILED
    assert f"{run.metrics_file}: column 'epoch' is not all numbers" in capsys.readouterr().err
    assert content(run) == before
    run.metrics_file.write_bytes(whole)
    assert execute(job) is RunState.DONE
