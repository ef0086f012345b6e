"""The flags of ``cnnlab train``, wherever they stand among the overrides."""

import pytest

from cnnlab.app.arguments import read_arguments
from cnnlab.registry import CnnlabError


def test_flags_and_overrides_are_told_apart_in_any_order():
    arguments = read_arguments(["seed=0,1", "-m", "model=mlp"])
    assert arguments.multirun
    assert not arguments.wants_help
    assert arguments.questions == ()
    assert arguments.overrides == ("seed=0,1", "model=mlp")


def test_a_question_keeps_its_value():
    arguments = read_arguments(["--cfg", "job", "model=mlp", "--package=model"])
    assert arguments.questions == ("--cfg", "job", "--package=model")
    assert arguments.overrides == ("model=mlp",)
    assert not arguments.multirun


def test_several_config_dirs_are_one_search_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    overrides = read_arguments(["--config-dir", "a", "seed=1", "--config-dir=b"]).overrides
    places = f'"file://{tmp_path}/a","file://{tmp_path}/b"'
    assert overrides == ("seed=1", f"hydra.searchpath=[{places}]")


def test_config_dir_becomes_an_entry_of_the_search_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my confs").mkdir()
    for words in (["--config-dir", "my confs"], ["-cd=my confs"]):
        overrides = read_arguments(words).overrides
        assert overrides == (f'hydra.searchpath=["file://{tmp_path}/my confs"]',)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mulitrun"], "no flag --mulitrun; did you mean '--multirun'"),
        (["--cfg"], "--cfg needs a value"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["--config-name", "other"], "no flag --config-name"),
        (["--cfg", "jobs"], "--cfg jobs is not allowed; did you mean 'job'"),
        (["--cfg", "--resolve"], "--cfg needs a value"),
        (["--cfg", "job", "--info", "all"], "--cfg and --info cannot be combined"),
        (["--resolve"], "--resolve needs --cfg, as in --cfg job --resolve"),
        (["--info", "all", "-p", "model"], "-p needs --cfg"),
        (["--cfg", "job", "--resolve=1"], "--resolve takes no value"),
        (["-m=1"], "-m=1: -m takes no value"),
        (["--multirun=1"], "--multirun=1: --multirun takes no value"),
        (["--plam"], "no flag --plam; did you mean '--plan'"),
        (["--imports", "x"], "no flag --imports; did you mean '--import'"),
        (["--verbos"], "no flag --verbos; did you mean '--verbose'"),
        (["--config-dir="], "--config-dir needs a value"),
        (["--cfg", "job", "--package="], "--package needs a value"),
        (["--hydra-help"], "no flag --hydra-help"),
        (["--lr", "0.1"], "no flag --lr; options have no dashes: optim.lr=0.1$"),
        (["--epochs=5"], "no flag --epochs; options have no dashes: trainer.epochs=5$"),
        (["--batch-size", "seed=1"], "options have no dashes: batch_size=VALUE$"),
        (["--model", "resnet20"], "options have no dashes: model=resnet20$"),
        (["--beta1=0.8"], "options have no dashes, and optim=adam has optim.beta1$"),
        (["optim=adam", "--beta1=0.8"], "options have no dashes: optim.beta1=0.8$"),
        (["seed=0,1", "model=mlp", "--dropout", "0.3"], "no dashes: model.dropout=0.3$"),
        (["model=nope", "--lr=1"], "options have no dashes: optim.lr=1$"),
        (["--top5"], r"options have no dashes: metrics=\[top5\]$"),
        (["--planet"], r"no flag --planet; did you mean '--plan'"),
        (["--l"], r"no flag --l \(one of: "),
    ],
)
def test_other_flags_are_refused(words, message):
    with pytest.raises(CnnlabError, match=message):
        read_arguments(words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["seed=1", "-m", "seed=2"],
            "seed=1 seed=2: .* twice; for a sweep over the values -m seed=1,2",
        ),
        (["model=a", "model=b"], "model=a model=b: model is given twice"),
        (
            ["optim.lr=[1]", "++optim.lr=2"],
            r"optim\.lr=\[1\] \+\+optim\.lr=2: optim.lr is given twice$",
        ),
    ],
)
def test_an_option_given_twice_is_refused(words, message):
    with pytest.raises(CnnlabError, match=message):
        read_arguments(words)
    assert read_arguments(["resume=RUN", "seed=1", "seed.x=2", "~logger.csv"]).overrides


@pytest.mark.slow
def test_configs_of_another_folder_are_found(cnnlab, tmp_path):
    folder = tmp_path / "lab" / "model"
    folder.mkdir(parents=True)
    (folder / "tiny.yaml").write_text("defaults: [mlp, _self_]\nhidden: [3]\n")
    answer = cnnlab("train", "--config-dir", "lab", "model=tiny", "trainer=smoke")
    assert answer.code == 0, answer.err
    assert "tiny_mnist5k_smoke-" in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--plan", "--cfg", "job"], "--plan and --cfg cannot be combined"),
        (["train", "--plan", "-v"], "--plan and --verbose cannot be combined"),
        (["train", "-v", "--info", "all"], "--verbose and --info cannot be combined"),
        (["train", "-m", "--cfg", "job", "seed=1"], "--cfg shows the config of one run"),
        (["train", "--import="], "--import needs the name of a module"),
        (["compare", "runs", "--out="], "--out needs a value"),
        (["compare", "runs", "--out", "/dev/null/x"], "--out /dev/null/x: /dev/null is a file"),
        (["runs", "--watch", "--clean"], "--watch and --clean cannot be combined"),
        (["runs", "--yes"], "--yes needs --clean"),
        (["runs", "--why", "x", "--sort", "name"], "--why shows one run; it cannot"),
        (["runs", "--clean", "--sort", "name"], "--clean shows no table; it cannot be"),
        (["models", "--data", "mnist", "--table"], "--data and --table cannot be combined"),
    ],
)
def test_flags_that_would_be_passed_over_are_refused(cnnlab, words, message):
    answer = cnnlab(*words)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1


def test_no_environment_variable_makes_a_command_verbose(monkeypatch):
    from cnnlab.app.command import read_command

    monkeypatch.setenv("CNNLAB_VERBOSE", "0")
    command = read_command(["model=mlp"], None)
    assert not command.make_job(command.overrides).verbose
