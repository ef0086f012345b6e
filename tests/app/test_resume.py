"""``resume=RUN``: what it refuses at composing, what it takes, and how it names its run."""

import dataclasses
import re
import shutil

import pytest
import torch

from cnnlab.app.command import read_command
from cnnlab.app.compose import compose
from cnnlab.app.resume import resume_in_place
from cnnlab.runs.checkpoint_file import resumable
from cnnlab.runs.claim import claimed
from cnnlab.runs.run_dir import RunDir, find_runs

WORDS = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=32", "data.num_val=8"]
WORDS += ["data.num_test=8", "batch_size=8", "optim.lr=0.1"]


@pytest.fixture
def source(cnnlab) -> RunDir:
    """Two epochs of three, the second cut short after 2 of 4 steps."""
    answer = cnnlab("train", *WORDS, "trainer.epochs=2", "trainer.max_steps=6")
    assert answer.code == 0, answer.err
    (run,) = find_runs(["runs"])
    return run


def contents(run: RunDir) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(run.path.rglob("*")) if p.is_file()}


REFUSED = [
    (["seed=1"], "seed=1: resume continues with 0, the seed of"),
    (["-m", "seed=0,1,2"], "seed=1: resume continues with 0"),
    (["batch_size=4"], "batch_size=4: resume continues with 8"),
    (["trainer.accumulate=2"], "trainer.accumulate=2: resume continues with 1"),
    (["trainer.overfit=2"], "trainer.overfit=2: resume continues with null"),
    (["optim=adam"], "optim=adam: resume continues with sgd"),
    (["model=lenet5"], "model=lenet5: resume continues with mlp"),
    (["model.hidden=[16]"], "model.hidden=[16]: resume continues with [8]"),
    (["data=digits"], "data=digits: resume continues with synthetic"),
    (["data.num_train=64"], "data.num_train=64: resume continues with 32"),
    (["init.from=elsewhere"], "init.from=elsewhere: resume continues with the weights"),
    (["experiment=mnist"], "experiment=mnist: resume continues with the config"),
    (["trainer.max_steps=6"], "it has trained 6 steps; give trainer.max_steps above 6"),
    (["trainer.max_steps=2"], "it has trained 6 steps; give trainer.max_steps above 6"),
    (["trainer.epochs=9"], "it has trained 6 steps; give trainer.max_steps above 6"),
    (
        ["trainer.max_steps=null", "trainer.epochs=1"],
        "it has trained 1 epoch; give trainer.epochs above 1",
    ),
    (["trainer.max_steps=null", "trainer.max_time=0.0001s"], "give trainer.max_time above 1s"),
]


@pytest.mark.slow
def test_what_does_not_fit_is_refused(cnnlab, source) -> None:
    before = contents(source)
    for words, message in REFUSED:
        answer = cnnlab("train", f"resume={source}", *words)
        assert answer.code == 2, words
        assert message in answer.err
        assert len(answer.err.splitlines()) <= (5 if "-m" in words else 1)
    assert contents(source) == before
    assert len(find_runs(["runs"])) == 1


@pytest.mark.slow
def test_a_run_cut_in_its_last_epoch_is_finished_and_has_a_short_name(cnnlab, source) -> None:
    words = ["trainer.max_steps=null", "trainer.epochs=2", "optim.lr=0.2", "optim.momentum=0.5"]
    answer = cnnlab("train", f"resume={source}", *words, "model=mlp", "data.augment.crop=1")
    assert answer.code == 0, answer.err
    (resumed,) = (run for run in find_runs(["runs"]) if run.name != source.name)
    name = "mlp_synthetic_resumed_max_stepsnull_lr0.2_momentum0.5_crop1"
    assert re.fullmatch(rf"{name}-\w{{8}}", resumed.name)
    assert list(resumed.metrics()["step"]) == [4, 8]
    (group,) = torch.load(resumed.last_checkpoint, weights_only=True)["optimizer_states"][0][
        "param_groups"
    ]
    assert (group["initial_lr"], group["momentum"]) == (0.2, 0.5)
    assert resumed.config()["optim"]["lr"] == 0.2
    assert resumed.result()["best_epoch"] in (1, 2)


@pytest.mark.slow
def test_a_group_chosen_again_has_its_own_defaults(source) -> None:
    config = compose([f"resume={source}", "trainer=default", "optim=sgd"])
    assert config.trainer.max_steps is None
    assert config.optim["lr"] == compose(WORDS[:-1]).optim["lr"]


@pytest.mark.slow
def test_a_damaged_checkpoint_is_set_aside_and_the_same_command_goes_on(cnnlab) -> None:
    words = ["train", *WORDS, "trainer.epochs=3", "sweep.name=s", "schedule=constant"]
    assert cnnlab(*words, "trainer.checkpoint=last").code == 0
    (whole,) = find_runs(["runs/s"])
    weights = torch.load(whole.last_checkpoint, weights_only=True)["state_dict"]
    whole.result_file.unlink()  # as if it had been killed
    for damaged, said in (
        (["last_checkpoint"], "continuing from best.ckpt"),
        (["last_checkpoint", "best_checkpoint"], "starting from the beginning"),
    ):
        for name in damaged:
            file = getattr(whole, name)
            file.write_bytes(file.read_bytes()[:-100])
        answer = cnnlab(*words, "trainer.checkpoint=last")
        assert answer.code == 0, answer.err
        assert said in answer.err
        assert len(list(whole.checkpoint_dir.glob("last.ckpt.damaged-*"))) == len(damaged)
        after = torch.load(whole.last_checkpoint, weights_only=True)["state_dict"]
        assert all(torch.equal(weights[name], after[name]) for name in weights)
        whole.result_file.unlink()


@pytest.mark.slow
def test_nothing_readable_to_resume_from(cnnlab, source) -> None:
    for file in resumable(source):
        file.write_bytes(b"nothing")
    answer = cnnlab("train", f"resume={source}", "trainer.max_steps=7")
    assert answer.code == 2
    assert "last.ckpt: cannot be read as a checkpoint" in answer.err
    shutil.rmtree(source.checkpoint_dir)
    answer = cnnlab("train", f"resume={source}", "trainer.max_steps=7")
    assert "it has no checkpoint yet" in answer.err


@pytest.mark.slow
def test_a_run_that_stopped_early_or_is_being_run(cnnlab, source) -> None:
    config = compose([f"resume={source}", "trainer.max_steps=7"])
    with claimed(source), pytest.raises(Exception, match="already being run by process"):
        resume_in_place(config)
    words = [*WORDS[:-1], "optim.lr=1e-12", "trainer.early_stopping=1", "trainer.epochs=9"]
    assert cnnlab("train", *words, "sweep.name=early").code == 0
    (stopped,) = find_runs(["runs/early"])
    assert len(stopped.metrics()) == 2
    answer = cnnlab("train", f"resume={stopped}", "trainer.epochs=20")
    assert answer.code == 2
    assert "it stopped after 1 epoch without improvement; give trainer.early_stopping" in answer.err
    more = compose([f"resume={stopped}", "trainer.early_stopping=3"])
    assert dataclasses.asdict(more)["trainer"]["early_stopping"] == 3


@pytest.mark.slow
def test_a_refused_sweep_names_what_was_typed(cnnlab, source) -> None:
    words = [f"resume={source}", "trainer.max_steps=9", "optim.lr=0.1,-1"]
    answer = cnnlab("train", "-m", *words)
    assert answer.code == 2
    refused = f"  resume={source} trainer.max_steps=9 optim.lr=-1: optim.lr=-1 must be above 0"
    assert answer.err.splitlines()[1].startswith(refused)


def test_a_damaged_status_is_named(cnnlab, source) -> None:
    source.status_file.write_text("{")
    for words in (["test", str(source)], ["train", f"resume={source}", "trainer.max_steps=9"]):
        answer = cnnlab(*words)
        assert answer.code == 2
        assert answer.err.startswith(f"cnnlab: {source.status_file}: ")
        assert len(answer.err.splitlines()) == 1


def test_resume_null_is_no_part_of_a_name() -> None:
    command = read_command(["model=mlp", "resume=null"], None)
    assert command.make_job(command.overrides).run_dir.name.startswith("mlp_mnist5k-")
