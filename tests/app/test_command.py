"""What is typed behind ``cnnlab train`` is parsed once, and what is Hydra's alone is refused."""

import pytest

from cnnlab.app.command import read_command
from cnnlab.app.sweep import check_jobs, expand_grid, unique
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import find_runs


def test_hydras_own_words_are_kept_apart():
    command = read_command(
        ["model=mlp", "hydra/launcher=joblib", "hydra.launcher.n_jobs=3", "seed=0,1"], None
    )
    assert command.is_sweep
    assert [o.input_line for o in command.hydra_overrides] == [
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=3",
    ]
    assert [o.key_or_group for o in command.overrides] == ["model", "seed", "sweep.name"]
    assert command.composed_options().launcher.n_jobs == 3


def test_a_single_run_lies_in_the_folder_of_single_runs():
    command = read_command(["model=mlp"], None)
    assert not command.is_sweep
    job = command.make_job(command.overrides)
    assert job.run_dir.path.parent.as_posix() == "runs/single"
    assert job.run_dir.name == f"mlp_mnist5k-{job.identity.key}"


def test_the_last_override_of_a_grid_turns_fastest():
    command = read_command(["model=mlp,lenet5", "seed=1,2", "optim.lr=0.1"], True)
    jobs = [[str(o.input_line) for o in job][:3] for job in expand_grid(command)]
    assert jobs == [
        ["model=mlp", "seed=1", "optim.lr=0.1"],
        ["model=mlp", "seed=2", "optim.lr=0.1"],
        ["model=lenet5", "seed=1", "optim.lr=0.1"],
        ["model=lenet5", "seed=2", "optim.lr=0.1"],
    ]


def test_two_jobs_of_one_run_are_one():
    command = read_command(["model=mlp", "seed=0,0", "sweep.name=mine"], True)
    jobs = check_jobs(command)
    assert len(jobs) == 2
    assert [job.identity.config for job in unique(jobs)] == [jobs[0].identity.config]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "hydra/launcher=basic",
            r"hydra/launcher=basic is not one of cnnlab's launchers \(one of: ",
        ),
        ("hydra/launcher=jobllib", r"did you mean 'joblib'"),
        ("hydra/sweeper=basic", r"hydra/sweeper=basic is not one of cnnlab's sweepers"),
        ("hydra.run.dir=elsewhere", r"hydra.run.dir=elsewhere: .*runs_dir"),
        ("hydra.sweep.dir=elsewhere", r"runs_dir"),
        ("hydra.job.chdir=true", r"runs_dir"),
    ],
)
def test_what_cnnlab_does_not_use_of_hydra_is_refused_in_one_line(word, message):
    with pytest.raises(CnnlabError, match=message) as refused:
        read_command(["model=mlp", "seed=0,1", word], True)
    assert "\n" not in str(refused.value)


def test_a_foreign_launcher_ends_the_command_before_anything_is_written(cnnlab, tmp_path):
    answer = cnnlab("train", "-m", "model=mlp", "seed=0,1", "hydra/launcher=basic")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    for ours in ("in_process", "joblib", "ray", "submitit_local", "submitit_slurm"):
        assert ours in answer.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("word", ["hydra/launcher=joblib,ray", "hydra.launcher.n_jobs=1,2"])
def test_a_sweep_has_one_launcher(word):
    with pytest.raises(CnnlabError, match="give one value"):
        read_command(["model=mlp", "seed=0,1", "hydra/launcher=joblib", word], True)


def test_options_of_a_sweeper_that_has_none_name_the_one_that_has(cnnlab):
    answer = cnnlab("train", "-m", "model=mlp", "seed=0,1", "hydra.sweeper.n_trials=3")
    assert answer.code == 2
    assert "no option 'hydra.sweeper.n_trials'; options are those of hydra/sweeper=optuna" in (
        answer.err
    )


@pytest.mark.slow
def test_hydras_questions_are_answered_whatever_was_typed(cnnlab):
    assert cnnlab("train", "model=mlp", "trainer=smoke").code == 0
    (run,) = find_runs(["runs"])
    answer = cnnlab("train", f"resume={run}", "trainer.epochs=20", "--cfg", "job")
    assert answer.code == 0, answer.err
    assert "epochs: 20" in answer.out
    assert cnnlab("train", "callbacks=[]", "--cfg", "job").code == 0
    several = cnnlab("train", "-m", "model=mlp,lenet5", "--cfg", "job")
    assert several.code == 2
    assert "model=mlp,lenet5 has several values; give one" in several.err


@pytest.mark.slow
def test_a_persons_config_may_ask_hydra_where_it_stands(cnnlab, tmp_path):
    recipe = tmp_path / "conf" / "experiment" / "here.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("# @package _global_\nruns_dir: ${hydra:runtime.cwd}/elsewhere\n")
    answer = cnnlab("train", "experiment=here", "model=mlp", "trainer=smoke")
    assert answer.code == 0, answer.err
    assert (tmp_path / "elsewhere" / "single").is_dir()


def test_an_interrupted_command_says_that_it_can_be_continued(cnnlab, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnlab.app.train.train", interrupted)
    answer = cnnlab("train")
    assert answer.code == 130
    assert answer.err.strip() == "cnnlab: interrupted; the same command continues from here"


def test_names_may_hold_any_letter():
    command = read_command(
        ["model=mlp", "data.root='größe'", "experiment='größe'", "seed=0,1"], True
    )
    assert command.overrides[-1].value() == "mlp_größe_seed0-1"


def test_the_list_of_commands_cuts_no_description(cnnlab):
    page = cnnlab("--help").out
    listed = page.partition("Commands:\n")[2].splitlines()
    assert len(listed) == 25
    assert all(line.endswith(".") and not line.endswith("...") for line in listed), page
