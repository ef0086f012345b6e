"""``cnnlab.train`` and ``cnnlab.compare`` take what a person would write in a notebook."""

import importlib
from types import SimpleNamespace

import pytest

import cnnlab
from cnnlab.app.arguments import python_words

SMOKE = ["model=mlp", "trainer=smoke", "logger=[]"]


@pytest.mark.parametrize(
    ("overrides", "words", "multirun"),
    [
        ("model=mlp seed=3", ["model=mlp", "seed=3"], None),
        ("model=mlp 'runs_dir=my runs' -m", ["model=mlp", "runs_dir=my runs"], True),
        (["-m", "model=mlp", "seed=3"], ["model=mlp", "seed=3"], True),
        (["--multirun", "seed=0,1"], ["seed=0,1"], True),
        (("model=mlp",), ["model=mlp"], None),
        ("", [], None),
    ],
)
def test_words_are_a_line_or_a_list(overrides, words, multirun):
    assert python_words(overrides) == (words, multirun)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--plan", "model=mlp"], "--plan: the only flag allowed from Python is -m"),
        ("model=mlp --cfg job", "--cfg: the only flag allowed from Python is -m"),
        ("-v", "-v: the only flag allowed from Python is -m"),
        ("model='mlp", "cannot read"),
        ([{"model": "mlp"}], "is not an override; give strings, 'KEY=VALUE'"),
        ([3], "3 is not an override"),
        (["model=mlp seed=3"], r"holds several overrides; give \['model=mlp', 'seed=3'\]"),
    ],
)
def test_other_flags_are_refused(overrides, message):
    with pytest.raises(cnnlab.CnnlabError, match=message):
        cnnlab.train(overrides)


@pytest.mark.slow
def test_minus_m_keeps_the_overrides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (run,) = cnnlab.train(["-m", *SMOKE, "seed=3", "sweep.name=mine"])
    assert run.config()["seed"] == 3
    assert run.config()["model"]["name"] == "mlp"
    assert run.path.parent.name == "mine"
    (same,) = cnnlab.train(" ".join(["-m", *SMOKE, "seed=3", "sweep.name=mine"]))
    assert same.path == run.path

    comparison = cnnlab.compare("runs/mine", reference="model=mlp", target="1%")
    assert comparison.verdicts == ["One configuration, mlp: nothing to compare it with."]
    for runs in (run.path, run, [run]):
        assert cnnlab.compare(runs, target=0.01).table.equals(comparison.table)
    (line,) = cnnlab.load_runs("runs/mine").to_dict("records")
    assert (line["run"], line["state"], line["seed"]) == (str(run), "done", 3)
    assert line["test_acc"] == comparison.table["test_acc"][0]


@pytest.mark.parametrize("imports", [None, [5], "", ["a", None]])
def test_imports_are_names_of_modules(imports):
    with pytest.raises(cnnlab.CnnlabError, match=r"imports: .* is not the name of a module"):
        cnnlab.train("model=mlp", imports=imports)


def test_runs_are_folders():
    run = SimpleNamespace(folder="runs/a")  # as of load_run
    for runs in ("", None, [5], run, [run]):
        for compare in (cnnlab.compare, importlib.import_module("cnnlab.compare")):
            with pytest.raises(cnnlab.CnnlabError, match=r"runs: .* is not a run's folder"):
                compare(runs)
    with pytest.raises(cnnlab.CnnlabError, match=r"give its \.folder"):
        cnnlab.compare(run)


def test_a_module_is_one_name():
    with pytest.raises(cnnlab.CnnlabError, match="--import no_such_module"):
        cnnlab.train("model=mlp", imports="no_such_module")
