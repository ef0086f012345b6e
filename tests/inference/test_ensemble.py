"""An ensemble of trained runs, through the command line: saved, tested, loaded, listed, refused."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

import cnnlab as api
from cnnlab.inference.evaluate import evaluate
from cnnlab.inference.load import load_run
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir, find_runs

WORDS = ["model=mlp", "model.hidden=[8]", "data=digits", "trainer=smoke", "trainer.max_steps=20"]
WORDS += ["trainer.max_eval_steps=null", "trainer.accelerator=cpu", "seed=0,1,2", "sweep.name=s"]
WORDS += ["logger=[]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``runs/s``, a sweep of three seeds."""
    top = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.setenv("CNNLAB_IMPORT", "")
        api.train(["-m", *WORDS])
    return top


@pytest.fixture
def saved(cnnlab, trained: Path, tmp_path: Path) -> RunDir:
    """The ensemble of a copy of the sweep in the working directory."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    answer = cnnlab("ensemble", "runs/s")
    assert (answer.code, answer.err) == (0, "")
    *_, folder, report = answer.out.splitlines()
    assert report == "runs/s/comparison"
    return RunDir(folder)


@pytest.mark.slow
def test_it_is_tested_and_loaded_like_a_run(cnnlab, saved: RunDir) -> None:
    members = [RunDir(path) for path in sorted(Path("runs/s").glob("mlp*"))]
    results = [run.result() for run in members]
    table = pd.read_csv("runs/s/comparison/ensemble.csv").set_index(["k", "vote"])
    errors = [1 - result["test_acc"] for result in results]
    found = table.loc[(1, "soft"), ["error_mean", "error_min", "error_max"]]
    assert found.tolist() == pytest.approx([sum(errors) / 3, min(errors), max(errors)])
    result, again = saved.result(), evaluate(saved)
    assert result["model"] == "3 x mlp"
    assert (result["ensemble"], result["seed"], again["ensemble"]) == (3, 0, 3)
    assert result["test_acc"] == pytest.approx(1 - table.loc[(3, "soft"), "error_mean"])
    for column in ("test_acc", "test_loss", "test_macro_f1", "num_test"):
        assert again[column] == pytest.approx(result[column], abs=1e-6)
    for column in ("params", "macs", "train_seconds"):
        assert result[column] == pytest.approx(sum(each[column] for each in results))
    assert not {c for c in result if c.startswith("val_")} | {"images_per_second"} & set(result)
    answer = cnnlab("test", "runs/s/ensembles", *map(str, members))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0].endswith("(300 images, mean probability of 3 networks)")
    shutil.move("runs", "moved")  # the members with it
    run = load_run(Path("moved", *saved.path.parts[1:]))
    single = [load_run(Path("moved", *member.path.parts[1:])).model for member in members]
    images = torch.rand(4, *run.spec.shape)
    with torch.no_grad():
        mean = torch.stack([model(images).softmax(1) for model in single]).mean(0)
        torch.testing.assert_close(run.model(images).softmax(1), mean)
    assert run.config.model["hidden"] == (8,)
    assert run.dataset.spec == run.spec


@pytest.mark.slow
def test_other_commands_know_what_it_is(cnnlab, saved: RunDir) -> None:
    listed = cnnlab("runs", "runs/s")
    (line,) = [line for line in listed.out.splitlines() if line.startswith("ensembles/3x_mlp")]
    assert line.split()[1:4] == ["done", "-", "-"]
    assert listed.out.splitlines()[-1] == "4 runs: 4 done"
    assert saved.name in cnnlab("runs", "runs/s", "--where", "model=3 x mlp").out
    assert "done: an ensemble of other runs" in cnnlab("runs", "--why", str(saved)).out
    assert cnnlab("runs", "runs/s", "--clean").out == "no failed runs\n"
    member = next(iter(find_runs(["runs/s"]))).path.parent
    for option in ("init.from", "resume"):
        answer = cnnlab("train", f"{option}={saved}", *(WORDS[:3] if option != "resume" else []))
        assert answer.code == 2, answer.out
        assert answer.err.startswith(f"cnnlab: {option}={saved}: an ensemble; give one of its mem")
        assert len(answer.err.splitlines()) == 1
    assert cnnlab("ensemble", "runs/s", str(member)).code == 0  # itself is no member
    assert len(list(Path("runs/s/ensembles").iterdir())) == 1
    before = {run.path: run.status() for run in find_runs(["runs"])}
    assert cnnlab("train", "-m", *WORDS).code == 0
    assert {run.path: run.status() for run in find_runs(["runs"])} == before


@pytest.mark.slow
def test_it_needs_its_members(cnnlab, saved: RunDir) -> None:
    first, second, _ = sorted(Path("runs/s").glob("mlp*"))
    result = RunDir(first).result()
    RunDir(first).write_result({**result, "train_seconds": 99.0})  # trained again
    answer = cnnlab("test", str(saved))
    assert answer.code == 2
    assert answer.err.startswith(f"cnnlab: {saved}: its member {first} has changed since; ")
    assert cnnlab("ensemble", "runs/s").code == 0
    assert cnnlab("test", str(saved)).code == 0
    shutil.rmtree(second)
    with pytest.raises(CnnlabError, match=f"{saved}: its member {second} is not there"):
        load_run(saved)
    saved.ensemble_file.write_text("{}")
    answer = cnnlab("test", str(saved))
    assert answer.code == 2
    assert answer.err == (
        f"cnnlab: {saved.ensemble_file}: does not name the members and the digests of their "
        "results\n"
    )
    shutil.rmtree(first)
    answer = cnnlab("ensemble", "runs/s")
    assert answer.code == 2
    assert "two finished runs that differ in their seed alone: 1 run left out, " in answer.err
    answer = cnnlab("ensemble", "nowhere")
    assert (answer.code, answer.err) == (2, "cnnlab: nowhere: no such folder\n")
