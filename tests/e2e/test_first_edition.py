"""A run folder that the first edition wrote is read, tested, resumed, and found done."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

import cnnlab as package

SAVED = Path(__file__).parents[1] / "support" / "first_edition"
NAME = "mlp_digits_hidden8_seed0_epochs2-22ea94be"


@pytest.fixture
def run(tmp_path):
    """The run's folder in ``runs/first``, as the command that made it left it."""
    folder = tmp_path / "runs" / "first" / NAME
    shutil.copytree(SAVED / NAME, folder)
    os.link(folder / "checkpoints" / "last.ckpt", folder / "checkpoints" / "best.ckpt")
    return folder


def command(seeds):
    """The line that made it, for these seeds, with the defaults that it had."""
    options = ("model=mlp", "data=digits", "model.hidden=[8]", f"seed={seeds}", "trainer.epochs=2")
    options += ("optim.lr=0.05", "schedule.warmup_epochs=0")
    return ("train", "-m", *options, "sweep.name=first")


def runs_in(folder):
    return sorted(path.parent.name for path in folder.glob("*/config.yaml"))


def contents(folder):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".claim.lock"
    }


def test_the_folder_is_small_and_complete():
    files = {str(path.relative_to(SAVED)) for path in SAVED.rglob("*") if path.is_file()}
    inside = "config.yaml status.json env.json result.json metrics.csv log.txt test_logits.npz"
    expected = {f"{NAME}/{name}" for name in [*inside.split(), "checkpoints/last.ckpt"]}
    assert files == {*expected, "README.md"}
    assert sum(path.stat().st_size for path in SAVED.rglob("*") if path.is_file()) < 100_000


@pytest.mark.usefixtures("run")
def test_its_status_is_listed(cnnlab):
    answer = cnnlab("runs")
    assert answer.code == 0, answer.err
    assert f"first/{NAME}" in answer.out
    assert "1 run: 1 done" in answer.out


@pytest.mark.usefixtures("run")
def test_it_is_found_by_its_options(cnnlab):
    assert NAME in cnnlab("runs", "--where", "model.hidden=[8]").out
    assert NAME in cnnlab("runs", "--where", "optim.lr=0.05").out
    assert NAME not in cnnlab("runs", "--where", "seed!=0").out


def test_it_is_compared(run, cnnlab):
    answer = cnnlab("compare", "runs/first")
    assert answer.code == 0, answer.err
    row = next(line.split() for line in answer.out.splitlines() if line.startswith("mlp "))
    assert row[:5] == ["mlp", "1", "70.33", "2.64", "72.67"]  # sqrt(0.7033 * 0.2967 / 300)
    assert row[5:] == ["8.3k", "8.3k", "0.1", "s", "0.1", "s", "43.8k"]
    assert (run.parent / "comparison" / "results.csv").is_file()


@pytest.mark.usefixtures("run")
def test_its_best_epoch_is_tested_again(cnnlab):
    answer = cnnlab("test", f"runs/first/{NAME}")
    assert answer.code == 0, answer.err
    assert "test accuracy 70.33%, macro-F1 67.52%, loss 0.8737 (300 images, epoch 2)" in answer.out


def test_it_is_loaded_from_python(run):
    loaded = package.load_run(run)
    assert loaded.result["test_acc"] == pytest.approx(0.70333, abs=1e-4)
    assert not loaded.model.training
    assert sum(weight.numel() for weight in loaded.model.parameters()) == 8290
    with torch.no_grad():
        assert loaded.model(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


@pytest.mark.slow
def test_it_is_resumed_for_more_epochs(run, cnnlab):
    before = contents(run)
    answer = cnnlab("train", f"resume=runs/first/{NAME}", "trainer.epochs=4")
    assert answer.code == 0, answer.err
    assert contents(run) == before, "a resumed run lies in a folder of its own"
    (name,) = set(runs_in(run.parent)) - {NAME}
    resumed = json.loads((run.parent / name / "result.json").read_text())
    assert (resumed["epochs"], resumed["steps"]) == (4, 36)
    assert resumed["test_acc"] == pytest.approx(0.8433, abs=0.01)  # as the first edition gave
    rows = (run.parent / name / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [
        ["1", "9"],
        ["2", "18"],
        ["3", "27"],
        ["4", "36"],
    ]
    assert rows[:3] == (run / "metrics.csv").read_text().splitlines()


def test_another_run_starts_from_its_weights(run, cnnlab):
    answer = cnnlab(
        "train",
        "model=mlp",
        "data=digits",
        "model.hidden=[8]",
        f"init.from=runs/first/{NAME}",
        "trainer.epochs=1",
        "sweep.name=second",
    )
    assert answer.code == 0, answer.err
    (name,) = runs_in(run.parent.parent / "second")
    metrics = (run.parent.parent / "second" / name / "metrics.csv").read_text().splitlines()
    first = dict(zip(metrics[0].split(","), map(float, metrics[1].split(",")), strict=True))
    assert first["train_acc"] > 0.7, "an epoch from random weights gives 0.35"


def test_the_same_command_finds_it_done(run, cnnlab):
    before = contents(run)
    answer = cnnlab(*command("0"))
    assert answer.code == 0, answer.err
    assert runs_in(run.parent) == [NAME], answer.out + answer.err
    assert contents(run) == before


def test_a_new_seed_stands_in_one_row_with_it(run, cnnlab):
    answer = cnnlab(*command("0,2"))
    assert answer.code == 0, answer.err
    assert len(runs_in(run.parent)) == 2, answer.out + answer.err
    table = package.compare(run.parent.glob("mlp*")).table
    assert table["n"].tolist() == [2]
