"""How many epochs a run has: what is said, or ten, or what max_steps needs."""

import pytest

from cnnlab.app.compose import compose
from cnnlab.registry import CnnlabError
from cnnlab.runs.identity import identify
from cnnlab.runs.run_dir import find_runs
from cnnlab.training.assemble import assemble, preflight

QUICK = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=64", "data.size=8"]
WORDS = [*QUICK, "batch_size=16"]  # 4 steps an epoch


@pytest.mark.parametrize(
    ("words", "epochs", "steps"),
    [
        ([], 10, 40),
        (["trainer.epochs=3"], 3, 12),
        (["trainer.max_steps=3"], 10, 3),
        (["trainer.max_steps=4"], 10, 4),
        (["trainer.max_steps=40"], 10, 40),
        (["trainer.max_steps=41"], 11, 41),
        (["trainer.max_steps=100"], 25, 100),
        (["trainer.max_steps=25", "trainer.accumulate=2"], 13, 25),
        (["trainer.max_steps=5", "trainer.epochs=7"], 7, 5),
        (["trainer=smoke"], 10, 3),
    ],
)
@pytest.mark.usefixtures("cnnlab")
def test_epochs_follow_from_steps(words: list[str], epochs: int, steps: int) -> None:
    config = compose([*WORDS, *words])
    assert config.trainer.epochs == config.epochs == epochs
    parts = assemble(config, "meta")
    assert parts.total_steps == steps
    assert parts.epochs == -(-steps // parts.steps_per_epoch)
    unresolved = compose([*WORDS, *words], preflight=False)
    assert preflight(unresolved)[0] == config
    assert assemble(unresolved, "meta").total_steps == steps


@pytest.mark.usefixtures("cnnlab")
def test_ten_epochs_are_the_same_run_whether_said_or_not() -> None:
    said, unsaid = compose([*WORDS, "trainer.epochs=10"]), compose(WORDS)
    assert identify(said) == identify(unsaid)


@pytest.mark.usefixtures("cnnlab")
def test_a_trial_run_may_cut_a_schedule_short() -> None:
    plan = ["schedule=multistep", "schedule.milestones=[12]", "schedule.unit=epochs"]
    with pytest.raises(CnnlabError, match="milestone 12 is past the end of the run of 10 epochs"):
        compose([*WORDS, *plan])
    with pytest.raises(CnnlabError, match="milestone 12 is past the end of the run of 4 epochs"):
        compose([*WORDS, *plan, "trainer.max_steps=8", "trainer.epochs=4"])
    assert compose([*WORDS, *plan, "trainer.max_steps=8"]).epochs == 10
    with pytest.raises(CnnlabError, match="milestone 12 is past the end of the run of 11 epochs"):
        compose([*WORDS, *plan, "trainer.max_steps=41"])


@pytest.mark.slow
def test_more_steps_are_more_epochs_in_a_resumed_run(cnnlab) -> None:
    words = [*WORDS, "schedule=constant"]
    assert cnnlab("train", *words, "trainer.max_steps=6").code == 0
    (first,) = find_runs(["runs"])
    assert first.config()["trainer"]["epochs"] == 10
    assert cnnlab("train", f"resume={first}", "trainer.max_steps=41").code == 0
    (second,) = (run for run in find_runs(["runs"]) if run.name != first.name)
    assert second.config()["trainer"]["epochs"] == 11
    assert list(second.metrics()["step"]) == [*range(4, 41, 4), 41]
