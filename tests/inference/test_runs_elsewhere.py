"""Runs put to use away from their data or from where they were started, and many at once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.inference.load import load_run
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir, find_runs

WORDS = ["model=mlp", "model.hidden=[4]", "data=folder", "data.root=own", "data.size=8"]
WORDS += ["batch_size=8", "trainer.accelerator=cpu", "trainer.epochs=1", "logger=[]"]


@pytest.fixture
def runs(cnnlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunDir]:
    """Two runs in ``project/runs/pets``, on pictures in ``project/own``."""
    project = tmp_path / "project"
    for number, name in enumerate(("cat", "dog")):
        (project / "own" / name).mkdir(parents=True)
        for i in range(12):
            pixels = np.full((8, 8, 3), 100 * number + i, dtype=np.uint8)
            Image.fromarray(pixels).save(project / "own" / name / f"{i:02}.png")
    monkeypatch.chdir(project)
    answer = cnnlab("train", "-m", *WORDS, "seed=0,1", "sweep.name=pets")
    assert answer.code == 0, answer.err
    monkeypatch.chdir(tmp_path)
    return find_runs(["project"])


@pytest.mark.slow
def test_several_runs_and_sweeps_from_another_folder(cnnlab, runs, tmp_path: Path) -> None:
    """A relative data.root is that of where the run was started, or of where that was moved to."""
    scores = [f"test accuracy {run.result()['test_acc']:.2%}" for run in runs]
    one = cnnlab("test", str(runs[0]))
    assert (one.code, one.out.splitlines()[0][: len(scores[0])]) == (0, scores[0])
    (tmp_path / "project").rename(tmp_path / "moved")
    (tmp_path / "moved/runs/pets/comparison").mkdir()
    inside = sorted(map(str, Path("moved/runs/pets").iterdir()))  # as of a shell's runs/pets/*
    for words in (["moved/runs"], inside, [*inside, "moved"]):
        answer = cnnlab("test", *words)
        assert (answer.code, answer.err) == (0, "")
        lines = answer.out.splitlines()
        assert [
            line[: len(score)] for line, score in zip(lines[::2], scores, strict=True)
        ] == scores
        assert lines[1::2] == [f"moved/runs/pets/{run.name}" for run in runs]


@pytest.mark.slow
def test_unfinished_ones_among_several_are_counted(cnnlab, runs) -> None:
    runs[1].update_status(state="failed")
    answer = cnnlab("test", "project/runs")
    assert (answer.code, answer.out.splitlines()[1:]) == (0, [str(runs[0])])
    assert answer.err == "1 unfinished run left out (1 failed)\n"
    runs[0].best_checkpoint.unlink()
    answer = cnnlab("test", "project/runs")
    assert (answer.code, answer.out) == (1, "")
    assert f"{runs[0]}: no checkpoint yet" in answer.err
    runs[0].update_status(state="interrupted")
    answer = cnnlab("test", "project/runs")
    assert (answer.code, answer.out) == (2, "")
    assert "nothing to test: 2 unfinished runs left out (1 failed, 1 interrupted)" in answer.err


@pytest.mark.slow
def test_weights_and_class_names_need_no_data(cnnlab, runs) -> None:
    shutil.rmtree("project/own")
    loaded = load_run(runs[0])
    assert loaded.spec.class_names == ("cat", "dog")
    assert (str(loaded.spec), loaded.spec.mean) == ("8x8x3", (0.5, 0.5, 0.5))
    assert loaded.model(torch.zeros(1, *loaded.spec.shape)).shape == (1, 2)
    with pytest.raises(CnnlabError, match=r"root=/.*/project/own: no such folder"):
        _ = loaded.dataset
    answer = cnnlab("test", str(runs[0]))
    assert (answer.code, answer.out) == (2, "")
    assert "/project/own" in answer.err
    record = runs[0].data_file  # as of runs made before the size of images was recorded
    record.write_text(record.read_text().replace('"images"', '"others"'))
    assert load_run(runs[0]).spec == loaded.spec


@pytest.mark.slow
def test_a_config_of_other_images_than_the_models_is_refused(cnnlab, runs) -> None:
    config = runs[0].config()
    runs[0].write_config({**config, "data": {**config["data"], "size": 9}})
    answer = cnnlab("test", str(runs[0]))
    assert answer.code == 2
    assert "its data are images of 9x9x3 in 2 classes, but the model takes 8x8x3" in answer.err
