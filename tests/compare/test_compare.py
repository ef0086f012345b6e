import subprocess
import sys

import pytest

from cnnlab.compare.compare import compare
from cnnlab.registry import CnnlabError


def test_one_row_per_configuration_with_hand_computed_numbers(make_run, tmp_path):
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        times = {"train_seconds": 10.0 + seed, "images_per_second": 1000.0 * (seed + 1)}
        make_run(seed=seed, test_acc=accuracy, val_acc=accuracy + 0.01, result=times)
    comparison = compare([tmp_path])
    assert len(comparison.table) == 1
    row = comparison.table.iloc[0]
    assert row["model"] == "mlp"
    assert (row["n"], row["seeds"]) == (3, "0 1 2")
    assert row["test_acc"] == pytest.approx(0.92)
    assert row["test_acc_sd"] == pytest.approx(0.02)
    assert row["test_acc_low"] == pytest.approx(0.870317, abs=1e-6)
    assert row["test_acc_high"] == pytest.approx(0.969683, abs=1e-6)
    assert row["val_acc"] == pytest.approx(0.93)
    assert (row["params"], row["macs"]) == (1000, 2000)
    assert row["train_seconds"] == pytest.approx(11)
    assert row["images_per_second"] == pytest.approx(2000)
    assert comparison.notes == []
    assert comparison.title == "mlp on digits"


def test_rows_are_sorted_by_validation_not_by_test(make_run, tmp_path):
    make_run(val_acc=0.8, test_acc=0.99, **{"model.name": "mlp"})
    make_run(val_acc=0.9, test_acc=0.70, **{"model.name": "lenet5"})
    make_run(val_acc=0.85, test_acc=0.80, model="resnet20", **{"model.name": "resnet"})
    comparison = compare([tmp_path])
    assert comparison.keys == ["model"]
    assert list(comparison.table["model"]) == ["lenet5", "resnet20", "mlp"]
    assert comparison.labels == ["lenet5", "resnet20", "mlp"]
    assert comparison.title == "3 models on digits"


def test_a_column_for_each_key_that_varies(make_run, tmp_path):
    make_run(val_acc=0.9, **{"optim.lr": 0.1, "model.name": "resnet", "model.depth": 20})
    make_run(val_acc=0.8, **{"optim.lr": 0.2, "model.name": "resnet", "model.depth": 32})
    make_run(val_acc=0.7, **{"optim.lr": 0.2})
    comparison = compare([tmp_path])
    assert comparison.keys == ["model", "model.depth", "optim.lr"]
    assert list(comparison.table["model.depth"]) == [20, 32, "-"]
    assert comparison.labels == [
        "resnet, depth=20, lr=0.1",
        "resnet, depth=32, lr=0.2",
        "mlp, lr=0.2",
    ]


def test_one_seed_has_no_interval(make_run, tmp_path):
    make_run()
    row = compare([tmp_path]).table.iloc[0]
    assert row["n"] == 1
    assert row[["test_acc_sd", "test_acc_low", "test_acc_high", "val_acc_sd"]].isna().all()


def test_curves_hold_every_epoch_of_every_seed(make_run, tmp_path):
    make_run(seed=0, curve=[(0.5, 1.0), (0.6, 0.9)])
    make_run(seed=1, curve=[(0.7, 0.8), (0.8, 0.7)])
    curves = compare([tmp_path]).curves
    assert list(curves["val_acc"]) == [0.5, 0.6, 0.7, 0.8]
    assert list(curves["seed"]) == [0, 0, 1, 1]
    assert set(curves["label"]) == {"mlp"}


def test_unfinished_runs_are_left_out_and_counted(make_run, tmp_path):
    make_run(seed=0)
    make_run(seed=1, state="failed")
    make_run(seed=2, state="running")
    comparison = compare([tmp_path])
    assert list(comparison.table["n"]) == [1]
    assert comparison.notes == [
        "2 unfinished runs left out (1 failed, 1 running): mlp, seed 1 (failed); mlp, seed 2 "
        "(running)"
    ]


def test_of_two_runs_of_one_seed_the_newest_counts(make_run, tmp_path):
    old, new = make_run(test_acc=0.5), make_run(test_acc=0.6)
    assert old.status()["updated"] <= new.status()["updated"]
    comparison = compare([tmp_path])
    assert list(comparison.table["test_acc"]) == [0.6]
    assert comparison.notes == ["1 older run of the same seed left out"]
    old.update_status()  # now it is the newer one
    assert list(compare([tmp_path]).table["test_acc"]) == [0.5]


def test_a_run_named_twice_counts_once(make_run, tmp_path):
    run = make_run()
    comparison = compare([run, str(run.path), tmp_path])
    assert list(comparison.table["n"]) == [1]
    assert comparison.notes == []


def test_runs_of_an_edited_model_form_their_own_row(make_run, tmp_path):
    make_run(seed=0, sources="aaa", val_acc=0.9)
    make_run(seed=0, sources="bbb", val_acc=0.8)
    comparison = compare([tmp_path])
    assert list(comparison.table["sources.model"]) == ["aaa", "bbb"]


def test_verdict_and_findings_follow_from_the_rows(make_run, tmp_path):
    for seed in (0, 1):
        make_run(seed=seed, test_acc=0.95 + 0.01 * seed, val_acc=0.9)
    make_run(val_acc=0.8, **{"model.name": "lenet5"})
    comparison = compare([tmp_path])
    assert comparison.verdicts == ["mlp against lenet5: a single run of one of them, so no claim."]
    (finding,) = comparison.findings
    assert finding.text == "seeds: lenet5 lacks seed 1 (paired tests use the common ones: 0)"


def test_nothing_to_compare_names_the_folder_and_what_is_expected(make_run, tmp_path):
    run = make_run()
    empty = tmp_path / "empty"
    empty.mkdir()
    for paths in ([empty], [run, empty], [tmp_path / "missing", empty]):
        with pytest.raises(CnnlabError) as refusal:
            compare(paths)
        assert str(empty) in str(refusal.value)
        assert "config.yaml" in str(refusal.value)
        assert "\n" not in str(refusal.value)
    with pytest.raises(CnnlabError, match="no folder given"):
        compare([])


def test_comparing_only_unfinished_runs_is_refused(make_run, tmp_path):
    make_run(state="failed")
    make_run(state="running")
    with pytest.raises(CnnlabError, match=r"sweep: 2 unfinished runs .*1 failed, 1 running"):
        compare([tmp_path])


@pytest.mark.slow
def test_comparing_and_reporting_import_no_torch(make_run, tmp_path):
    make_run()
    script = (
        "import sys; from pathlib import Path\n"
        "from cnnlab.compare.compare import compare\n"
        "from cnnlab.compare.report import write_report\n"
        "comparison = compare([sys.argv[1]])\n"
        "heavy = {'torch', 'lightning', 'hydra', 'omegaconf'}\n"
        "print(sorted((heavy | {'matplotlib'}) & sys.modules.keys()))\n"
        "write_report(comparison, Path(sys.argv[1]) / 'report')\n"
        "print(sorted((heavy | {'matplotlib.pyplot'}) & sys.modules.keys()))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
