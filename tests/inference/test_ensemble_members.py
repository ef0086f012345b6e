"""Which runs are combined and which are left out, and the table of errors, on written folders."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pseudo_terminal import on_terminal
from run_folders import make_run

from cnnlab.app import cli
from cnnlab.inference.ensemble.curve import error_table
from cnnlab.inference.ensemble.members import find_seed_sweeps
from cnnlab.inference.ensemble.save import save
from cnnlab.registry import CnnlabError
from cnnlab.runs.data_record import DataRecord, Part
from cnnlab.runs.mistakes import read_mistakes, write_mistakes
from cnnlab.runs.run_dir import RunDir

__all__ = ["make_run"]

LABELS = np.arange(6) % 3


@pytest.fixture
def classifier(make_run):
    """``classifier(wrong=[0], seed=1)``: a run that is wrong, and sure, of these test images."""

    def make(*, wrong=(), labels=LABELS, **options) -> RunDir:
        run = make_run(**options)
        answers = np.where(np.isin(np.arange(len(labels)), wrong), (labels + 1) % 3, labels)
        logits = (3 * np.eye(3)[answers]).astype(np.float32)
        np.savez(run.outputs_file("logits"), logits=logits, labels=labels)
        return run

    return make


def test_the_table_of_a_seed_sweep(classifier, tmp_path: Path) -> None:
    wrong = ([0], [0, 1], [2])
    for seed in (2, 0, 1):
        times = {"train_seconds": 1.0 + seed, "latency_seconds": 0.1 + seed}
        classifier(wrong=wrong[seed], seed=seed, result=times)
    (sweep,), notes = find_seed_sweeps([tmp_path])
    assert notes == []
    assert [member.result["seed"] for member in sweep.members] == [0, 1, 2]
    table = error_table(sweep, "mlp").set_index(["k", "vote"])
    for vote in ("soft", "hard"):
        errors = table.xs(vote, level="vote")[["error_mean", "error_min", "error_max"]]
        assert errors.loc[1].tolist() == pytest.approx([4 / 18, 1 / 6, 2 / 6])
        assert errors.loc[3].tolist() == pytest.approx([1 / 6] * 3)  # two are wrong of image 0
    assert table["subsets"].tolist() == [3, 3, 3, 3, 1, 1]
    assert table["disagreement"].tolist() == pytest.approx([(1 + 2 + 3) / 3 / 6] * 6)
    costs = table.loc[(2, "soft")][["params", "macs", "train_seconds", "latency_seconds"]]
    assert costs.tolist() == pytest.approx([2000, 4000, 2 * 2.0, 2 * 1.1])


def test_what_is_left_out_is_named(classifier, make_run, tmp_path: Path) -> None:
    classifier(seed=0)
    classifier(seed=1)
    alone = classifier(**{"model.name": "lenet5"})
    failed = classifier(seed=2, state="failed")
    untested = make_run(seed=3)
    old = untested.result()
    untested.write_result({key: x for key, x in old.items() if not key.startswith("test_")})
    encoder = make_run(seed=4)
    scores = {key: x for key, x in old.items() if key not in ("test_acc", "test_macro_f1")}
    encoder.write_result({**scores, "test_loss": 0.1})
    without = make_run(seed=5)
    torn = classifier(seed=6)
    torn.outputs_file("logits").write_bytes(torn.outputs_file("logits").read_bytes()[:-40])
    nan = classifier(seed=7)
    np.savez(nan.outputs_file("logits"), logits=np.full((6, 3), np.nan), labels=LABELS)
    (sweep,), notes = find_seed_sweeps([tmp_path])
    assert [member.result["seed"] for member in sweep.members] == [0, 1]
    reasons = {note.rpartition(": ")[2]: note for note in notes}
    assert reasons[alone.name].startswith("1 run left out, the only one of its configuration")
    assert reasons[failed.name].startswith("1 run left out, not finished")
    assert reasons[untested.name].startswith("1 run left out, not tested")
    assert reasons[encoder.name].startswith("1 run left out, not a classifier")
    for damaged in (without, torn, nan):
        assert f"damaged ({damaged.outputs_file('logits')}: " in reasons[damaged.name]
    assert len(notes) == 7


def test_a_seed_counts_once_and_the_images_must_be_the_same(classifier, tmp_path: Path) -> None:
    older, newer = classifier(seed=0), classifier(seed=0)
    classifier(seed=1)
    older.update_status()  # written last: it is the newer now
    (sweep,), notes = find_seed_sweeps([tmp_path])
    assert sweep.members[0].folder.name == older.name
    assert notes == [f"1 run left out, repeats of another with the same seed: {newer.name}"]
    parts = {name: Part(6, "aaa") for name in ("train", "val", "test")}
    for member, digest in zip(sweep.members, ("aaa", "bbb"), strict=True):
        record = DataRecord(("a", "b", "c"), {**parts, "test": Part(6, digest)})
        record.write(member.folder)
    with pytest.raises(CnnlabError, match="different images with each seed"):
        find_seed_sweeps([tmp_path])
    classifier(seed=0, labels=LABELS[::-1], **{"optim.lr": 0.2})
    classifier(seed=1, **{"optim.lr": 0.2})
    with pytest.raises(CnnlabError, match=r"nothing to combine.* 4 runs left out, tested on diff"):
        find_seed_sweeps([tmp_path])


def test_mistakes_are_those_with_a_picture(classifier, tmp_path: Path) -> None:
    """Of the ensemble's mistakes, images 0 and 4, a member has a picture of one."""
    runs = [classifier(wrong=[0, 4], seed=0), classifier(wrong=[0, 3, 4], seed=1)]
    picture = np.arange(2 * 16, dtype=np.uint8).reshape(2, 1, 4, 4)
    index = np.array([3, 4])
    sure = np.array([0.9, 0.8])
    write_mistakes(runs[1].mistakes_file, picture, LABELS[index], index % 3, sure, index)
    (sweep,), _ = find_seed_sweeps([tmp_path])
    folder = save(sweep, tmp_path / "ensembles")
    found = read_mistakes(folder.mistakes_file)
    assert (found.index.tolist(), found.labels.tolist()) == ([4], [1])
    assert found.predicted.tolist() == [2]
    assert found.confidence.tolist() == pytest.approx([np.exp(3) / (np.exp(3) + 2)])
    assert np.array_equal(found.pixels[0], picture[1])


def test_saved_again_only_where_a_member_has_changed(classifier, tmp_path: Path) -> None:
    run = classifier(wrong=[0], seed=0)
    classifier(wrong=[0], seed=1)

    def saved() -> RunDir:
        (sweep,), _ = find_seed_sweeps([tmp_path])
        return save(sweep, tmp_path / "ensembles")

    folder = saved()
    before = folder.status()
    assert saved().path == folder.path
    assert folder.status() == before
    run.write_result({**run.result(), "train_seconds": 30.0})
    assert saved().path == folder.path
    assert folder.status()["identity"]["group"] == before["identity"]["group"]
    assert folder.result()["train_seconds"] == 40.0
    content = json.loads(folder.ensemble_file.read_text())
    assert content["members"] == ["../../sweep/run1", "../../sweep/run2"]


def test_on_a_terminal_of_80_columns(classifier, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a_model_with_a_very_long_name_indeed", "mlp"):
        for seed in (0, 1):
            classifier(wrong=[0], seed=seed, model=name, **{"model.name": name})

    def call() -> None:
        monkeypatch.setattr(sys, "argv", ["cnnlab", "ensemble", "sweep", "--out", "o"])
        with pytest.raises(SystemExit):
            cli.main()

    lines = on_terminal(80, call)
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    (row,) = [line.split() for line in lines if line.startswith("mlp")]
    assert row == ["mlp", "2", *["16.67"] * 3, "0.00", "2.0k", "4.0k", "20.0", "s"]
    written = pd.read_csv(tmp_path / "o" / "ensemble.csv")
    assert sorted(set(written["configuration"])) == ["a_model_with_a_very_long_name_indeed", "mlp"]
    assert (tmp_path / "o" / "ensemble.png").stat().st_size > 10_000
    assert len(list((tmp_path / "o" / "ensembles").iterdir())) == 2
