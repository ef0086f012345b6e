"""`cnnlab train -m hydra/sweeper=optuna` as its user types it."""

import importlib.util
import shlex

import pandas as pd
import pytest

import cnnlab as lab
from cnnlab.registry import CALLBACKS
from cnnlab.runs.run_dir import RunDir, find_runs

OPTUNA = ["train", "-m", "hydra/sweeper=optuna", "sweep.name=s"]
QUICK = ["data=synthetic", "data.num_train=200", "data.size=12", "batch_size=16"]
MLP = ["model=mlp", "model.hidden=[8]"]
LR = "optim.lr=tag(log, interval(1e-3, 1))"


def trials() -> pd.DataFrame:
    return pd.read_csv("runs/s/search/trials.csv")


def run_of(row: "pd.Series") -> RunDir:
    return RunDir(f"runs/s/{row['run']}")


@pytest.mark.slow
def test_a_search_prunes_tests_the_best_alone_and_is_done_once(cnnlab):
    words = [*OPTUNA, *QUICK, *MLP, LR, "trainer.epochs=4"]
    words += ["hydra.sweeper.n_trials=6", "hydra.sweeper.pruner=asha"]
    answer = cnnlab(*words)
    assert answer.code == 0
    table = trials()
    assert list(table["trial"]) == list(range(6))
    assert set(table["state"]) == {"complete", "pruned"}
    best = table.loc[table["val_acc"].idxmax()]
    for _, row in table.iterrows():
        run = run_of(row)
        result, state = run.result(), run.status()["state"]
        assert state == ("pruned" if row["state"] == "pruned" else "done")
        assert len(run.metrics()) == row["epochs"] == (4 if state == "done" else row["epochs"])
        tested = {"test_acc", "test_loss", "test_macro_f1", "num_test"} & set(result)
        assert len(tested) == (4 if row["run"] == best["run"] else 0)
        assert not run.outputs_file("logits").exists()
        if state == "pruned":
            assert row["epochs"] < 4
            assert run.last_checkpoint.is_file()
            assert run.status()["error"].startswith(f"after epoch {row['epochs']:.0f}: validation")
        else:
            assert result["val_acc"] == row["val_acc"]
    counts = table["state"].value_counts()
    assert f"6 of 6 trials: {counts['complete']} complete, {counts['pruned']} pruned" in answer.out
    assert f"best: trial {best['trial']}, validation accuracy {best['val_acc']:.2%}" in answer.out
    command = next(line for line in answer.out.splitlines() if line.startswith("  cnnlab train"))
    assert f"optim.lr={best['optim.lr']}" in command
    assert str(run_of(best)) == answer.out.splitlines()[-1]
    for name in ("history.png", "importance.png", "journal.log"):
        assert (RunDir("runs/s/search").path / name).stat().st_size > 0

    before = {run.name: run.status()["updated"] for run in find_runs(["runs/s"])}
    again = cnnlab(*words)
    assert "6 of 6 trials are already finished" in again.err
    assert "epoch" not in again.err
    assert {run.name: run.status()["updated"] for run in find_runs(["runs/s"])} == before
    assert trials().equals(table)

    assert cnnlab(*shlex.split(command)[1:]).code == 0  # the best again, now as a run of its own
    (single,) = find_runs(["runs/single"])
    assert single.result()["val_acc"] == best["val_acc"]
    assert single.result()["test_acc"] == pytest.approx(run_of(best).result()["test_acc"])


@pytest.mark.slow
def test_more_trials_go_on_where_the_search_stood(cnnlab):
    words = [*OPTUNA, *QUICK, *MLP, LR, "trainer=smoke"]
    cnnlab(*words, "hydra.sweeper.n_trials=2")
    first = trials()
    cnnlab(*words, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2")
    assert trials()[:2].equals(first)
    assert len(trials()) == 3


@pytest.mark.slow
def test_a_point_that_cannot_be_is_a_failed_trial(cnnlab):
    words = [*OPTUNA, *QUICK[:-1], *MLP, "trainer=smoke", "batch_size=16,1000,32"]
    answer = cnnlab(*words, "hydra.sweeper.sampler=grid")
    assert answer.code == 0
    assert list(trials()["state"]) == ["complete", "failed", "complete"]
    assert "3 of 3 trials: 2 complete, 1 failed" in answer.out
    assert "1 failed: impossible: batch_size=1000 is larger than the training set" in answer.out
    assert "1 of 3 points checked beforehand are impossible" in answer.err
    assert len(find_runs(["runs/s"])) == 2


@pytest.mark.slow
def test_a_point_proposed_twice_is_trained_once(cnnlab):
    words = [*OPTUNA, *QUICK, *MLP, "trainer=smoke", "optim.lr=0.1,0.2"]
    cnnlab(*words, "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=5")
    assert len(find_runs(["runs/s"])) == 2
    assert list(trials()["state"]) == ["complete"] * 5
    assert trials().groupby("run")["val_acc"].nunique().max() == 1


@pytest.mark.slow
def test_several_objectives_draw_their_front(cnnlab):
    words = [*OPTUNA, *QUICK, "model=mlp", "model.hidden=[4],[32]", "optim.lr=0.1,0.01"]
    words += ["trainer=smoke", "hydra.sweeper.sampler=grid"]
    answer = cnnlab(*words, "hydra.sweeper.objectives=[val_acc,macs]")
    table = trials()
    assert sorted(table["macs"].unique()) == [144 * 4 + 40, 144 * 32 + 320]
    assert RunDir("runs/s/search/front.png").path.stat().st_size > 0
    small = table[table["macs"] == 144 * 4 + 40]
    assert f"front: trial {small['val_acc'].idxmax()}, validation accuracy" in answer.out
    tested = [run for run in find_runs(["runs/s"]) if "test_acc" in run.result()]
    assert [run.result()["val_acc"] for run in tested] == [table["val_acc"].max()]


@pytest.mark.slow
def test_a_search_is_compared_by_what_was_tested(cnnlab):
    cnnlab(*OPTUNA, *QUICK, *MLP, "trainer=smoke", LR, "hydra.sweeper.n_trials=3")
    answer = cnnlab("compare", "runs/s")
    assert answer.code == 0
    assert "2 not tested" in " ".join(answer.out.split())
    listed = cnnlab("runs", "runs/s")
    assert "3 done" in listed.out


def test_an_untested_run_says_so(cnnlab):
    answer = cnnlab("train", *QUICK, *MLP, "trainer=smoke", "trainer.test=false")
    assert answer.code == 0
    assert "not tested; validation accuracy" in answer.out
    (run,) = find_runs(["runs"])
    assert not run.picture_file("confusion").exists()
    assert cnnlab("test", str(run)).out.startswith("test accuracy")


@pytest.mark.slow
def test_from_python_the_chosen_run_is_returned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", *QUICK, *MLP, "trainer=smoke"]
    (best,) = lab.train([*words, LR])
    assert "test_acc" in best.result()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra.sweeper.sampler=tpee", LR], "hydra.sweeper.sampler=tpee is not allowed"),
        (["hydra.sweeper.trials=3", LR], "hydra.sweeper.trials"),
        (["hydra.sweeper.sampler=grid", LR], "optim.lr is an interval"),
        (["hydra.sweeper.objectives=[val_acc,mac]", LR], "did you mean 'macs'"),
        (["optim.lrr=interval(0,1)"], "did you mean 'optim.lr'"),
        (["model=mlp,lenet6"], "did you mean 'lenet5'"),
        (["optim.lr=0.1"], "nothing to search"),
        (["batch_size=1000,2000"], "no point of the space is possible; nothing was started"),
        (["batch_size=interval(8, 32)"], "batch_size='int(interval(8, 32))'"),
        (["model=conv_autoencoder", LR], "model=conv_autoencoder has no val_acc; use val_loss"),
    ],
)
def test_refusals_write_nothing(cnnlab, tmp_path, words, message):
    quick = QUICK[:-1] if words[0].startswith("batch_size") else QUICK
    answer = cnnlab(*OPTUNA, *quick, "trainer=smoke", *words)
    assert answer.code == 2
    assert message in answer.err
    assert not (tmp_path / "runs").exists()


def test_a_missing_optuna_is_one_clear_line(cnnlab, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "optuna" else find(name, *rest),
    )
    answer = cnnlab(*OPTUNA, *QUICK, LR)
    assert answer.code == 2
    assert answer.err == (
        "cnnlab: hydra/sweeper=optuna needs optuna: pip install 'cnnlab[search]'\n"
    )


FAILING = """
import lightning.pytorch as pl

from cnnlab.registry import CALLBACKS


@CALLBACKS.register("fail_once")
class FailOnce(pl.Callback):
    \"\"\"Raises while a file is there.\"\"\"

    def on_train_start(self, *_):
        import pathlib

        if pathlib.Path("broken").exists():
            raise RuntimeError("broken")
"""


@pytest.mark.slow
def test_fail_fast_leaves_trials_that_did_not_start_to_the_next_command(cnnlab, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "broken").touch()
    words = [
        *OPTUNA,
        *QUICK[:-1],
        *MLP,
        "trainer=smoke",
        "batch_size=16,32,8",
        "callbacks=[fail_once]",
    ]
    words += ["hydra.sweeper.sampler=grid", "hydra.sweeper.n_jobs=3", "sweep.fail_fast=true"]
    with CALLBACKS.temporary():
        first = cnnlab(*words[:1], "--import", "failing", *words[1:])
        assert first.code == 1
        assert list(trials()["state"]) == ["failed", "running", "running"]
        (tmp_path / "broken").unlink()
        cnnlab(*words[:1], "--import", "failing", *words[1:])
        assert list(trials()["state"]) == ["failed", "complete", "complete"]
