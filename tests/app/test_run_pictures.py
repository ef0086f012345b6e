"""`cnnlab mistakes`, `embed` and `shift` on one small sweep."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cnnlab as api
from cnnlab.inference.ensemble.members import read_outputs
from cnnlab.inference.mistake_pictures import mistake_pictures
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir, find_runs

WORDS = ["model=mlp,lenet5", "data=digits", "trainer=smoke", "trainer.max_steps=15", "logger=[]"]
WORDS += ["trainer.max_eval_steps=null", "trainer.accelerator=cpu", "seed=0,1", "sweep.name=s"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep: mlp and lenet5, two seeds each."""
    top = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.setenv("CNNLAB_IMPORT", "")
        api.train(["-m", *WORDS])
    return top / "runs" / "s"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> RunDir:
    """A copy of one of its runs."""
    return RunDir(shutil.copytree(find_runs([trained])[0], tmp_path / "run"))


@pytest.mark.slow(6)
def test_mistakes_of_one_run_and_of_several(cnnlab, run: RunDir, trained: Path) -> None:
    answer = cnnlab("mistakes", "run")
    assert (answer.code, answer.err) == (0, "")
    names = [f"{name}.png" for name in ("confusion", "per_class", "calibration", "mistakes")]
    names += [f"{name}.csv" for name in ("per_class", "calibration", "mistakes")]
    assert answer.out.splitlines()[-7:] == [f"run/mistakes/{name}" for name in names]
    result = run.result()
    table = pd.read_csv("run/mistakes/per_class.csv")
    assert table["right"].sum() / 300 == pytest.approx(result["test_acc"])
    assert len(pd.read_csv("run/mistakes/mistakes.csv")) == 300 - table["right"].sum()
    bins = pd.read_csv("run/mistakes/calibration.csv").fillna(0)
    error = (bins["images"] * (bins["accuracy"] - bins["confidence"]).abs()).sum() / 300
    assert f"expected calibration error {error:.2%}: 15 bins of equal width" in answer.out
    two = [str(each) for each in find_runs([trained])[:2]]
    answer = cnnlab("mistakes", *two, "--out", "several")
    assert (answer.code, answer.err) == (0, "")
    assert len(list(Path("several").glob("*/confusion.png"))) == 2
    answer = cnnlab("mistakes", "run", "--out", "one.png")
    assert (answer.code, answer.err) == (
        2,
        "cnnlab: --out one.png: several pictures are written; name a folder\n",
    )


@pytest.mark.slow
def test_pictures_of_a_run_made_before_mistakes_were_kept(cnnlab, run: RunDir, monkeypatch) -> None:
    outputs = read_outputs(run.outputs_file("logits"))
    kept = mistake_pictures(run, *outputs)
    run.mistakes_file.unlink()
    again = mistake_pictures(run, *outputs)
    for name, array in vars(kept).items():
        np.testing.assert_array_equal(vars(again)[name], array)

    def missing(*_, **__):
        raise CnnlabError("no files")

    monkeypatch.setattr("cnnlab.inference.mistake_pictures.find_dataset", missing)
    answer = cnnlab("mistakes", "run")
    assert (answer.code, len(list(Path("run/mistakes").glob("*.png")))) == (0, 3)
    assert answer.err.startswith("mistakes.png left out, no pictures: run/config.yaml: no files")


@pytest.mark.slow
def test_embedding(cnnlab, run: RunDir) -> None:
    answer = cnnlab("embed", "run", "--images", "40")
    assert (answer.code, answer.err) == (0, "")
    first, *paths = answer.out.splitlines()
    assert first.startswith("40 test images; features: the 84 inputs of 'classifier'")
    files = ["embed/embedding.png", "embed/embedding.csv", "tb/projector_config.pbtxt"]
    files += [f"tb/projector/{name}" for name in ("tensors.tsv", "metadata.tsv", "sprite.png")]
    assert paths == [f"run/{name}" for name in files]
    assert np.loadtxt(run.tensorboard_dir / "projector/tensors.tsv").shape == (40, 84)
    assert len(list(run.tensorboard_dir.glob("events.out.tfevents.*"))) == 1
    table = pd.read_csv("run/embed/embedding.csv")
    assert list(table)[2:] == ["pca_1", "pca_2", "tsne_1", "tsne_2"]
    assert table["class"].value_counts().tolist() == [4] * 10
    answer = cnnlab("embed", "run", "--images", "10", "--out", "there")
    assert sorted(path.name for path in Path("there").iterdir()) == [
        *("embedding.csv", "embedding.png", "projector", "projector_config.pbtxt"),
    ]


@pytest.mark.slow
def test_shift(cnnlab, trained: Path) -> None:
    answer = cnnlab("shift", str(trained), "--by", "thickness", "--out", "t.png")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-2:] == ["t.csv", "t.png"]
    table = pd.read_csv("t.csv")
    assert sorted(set(table["configuration"])) == ["lenet5", "mlp"]
    assert set(table["num_images"]) == {300}
    assert len(table) == 4 * 5
    unchanged = table[table["size"] == 0].set_index("run")["accuracy"]
    for run in find_runs([trained]):
        assert unchanged[run.name] == pytest.approx(run.result()["test_acc"])
    assert "lenet5 (n=2)" in answer.out
    answer = cnnlab("shift", str(trained), "--by", "turn")
    assert answer.code == 2
