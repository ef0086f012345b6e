"""Damaged files of runs: named, and the other runs are shown."""

import os

import pytest

from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_config, read_result
from cnnlab.runs.locate import outdated, run_dir_for
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.status import read_runs, state_of

FAULTS = {
    "not UTF-8": b"\xff\xfe",
    "half": b'{"state',
    "a list": b"[1, 2]",
    "a number": b"7",
    "nested": b"[" * 100_000,
    "digits": b'{"updated": ' + b"9" * 5000 + b"}",
    "types": b'{"identity": [1], "choices": 3, "error": {}, "train_seconds": "x", "val_acc": []}',
    "sources": b'{"identity": {"sources": {"model": 3}}, "seed": 1.5}',
    "empty": b"",
}
ALIASES = "a0: &a0 [1]\n" + "\n".join(  # each ten times as long as the one before
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)
)
NAMES = ("status.json", "result.json", "config.yaml", "metrics.csv")


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_listing_names_the_file_and_shows_the_others(make_run, tmp_path, cnnlab, name, how):
    make_run(seed=0)
    file = make_run(seed=1).path / name
    make_run(seed=2)
    file.write_bytes(FAULTS[how])
    rows = read_runs(tmp_path)
    assert [row.state for row in (rows[0], rows[2])] == ["done", "done"]
    is_yaml = name == "config.yaml" and how in ("types", "sources")  # of other keys, but plain data
    if name != "metrics.csv" and not is_yaml:
        assert str(file) in rows[1].error
        assert "\n" not in rows[1].error
    for words in (["--sort", "val_acc"], ["--where", "seed=0,2"], ["--why", "run2"], ["--clean"]):
        answer = cnnlab("runs", str(tmp_path), *words)
        assert answer.code == 0, answer.err
        assert "Traceback" not in answer.out + answer.err


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["folder", "pipe", "loop", "dangling"])
def test_what_is_no_file(make_run, tmp_path, name, how):
    make_run(seed=0)
    file = make_run(seed=1).path / name
    file.unlink()
    if how == "folder":
        file.mkdir()
    elif how == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(file.name if how == "loop" else "nowhere")
    rows = read_runs(tmp_path)
    assert len(rows) == 2
    assert rows[0].state == "done"
    if how != "dangling":
        assert str(file) in rows[1].error


@pytest.mark.parametrize(
    ("name", "state"), [("status.json", "not started"), ("result.json", "killed")]
)
def test_the_state_of_a_damaged_run_says_which_file(make_run, name, state):
    run = make_run()
    (run.path / name).write_bytes(b"\xff")
    found, status = state_of(run)
    assert found == state
    assert status["error"] == f"{run.path / name}: is not UTF-8 text"
    assert not run.is_done


def test_a_score_of_nan_is_none(make_run, tmp_path):
    make_run(result={"val_acc": float("nan"), "val_loss": float("inf")})
    (row,) = read_runs(tmp_path)
    assert row.state == "done"
    assert row.score == 0.9  # the best of metrics.csv


def test_damaged_neighbours_do_not_hinder_a_sweep(make_run, tmp_path):
    from cnnlab.config.parse import parse
    from cnnlab.discovery import discover
    from cnnlab.runs.identity import identify

    discover()
    names = {"model": "mlp", "data": "digits", "optim": "sgd", "schedule": "cosine"}
    identity = identify(parse({kind: {"name": name} for kind, name in names.items()}))
    for content in FAULTS.values():
        make_run().status_file.write_bytes(content)
    folder = tmp_path / "sweep"
    assert run_dir_for(folder, "new", identity).name == f"new-{identity.key}"
    assert outdated(RunDir(folder / "new"), identity) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: &a [*a]\n", "is nested too deeply"),
        ("a: &a {b: *a}\n", "is nested too deeply"),
        (ALIASES, "holds too many values"),
        ("a: " + "[" * 100_000, "is nested too deeply"),
        ("- " * 100_000, "is nested too deeply"),
        ("? " * 100_000, "is nested too deeply"),
        ("a: " + "{a: " * 2000, "is nested too deeply"),
        ("1: 2\n", "has an option whose name is not text"),
        ("model: {name: 3}\n", "model={'name': 3} is not a choice"),
        ("trainer: {epochs: many}\n", "trainer.epochs='many' is not a whole number"),
        ("init: {from: [1]}\n", "init.from=[1] is not a path"),
        ("when: 2001-99-99\n", "month must be in 1..12"),
    ],
)
def test_what_a_config_must_not_hold(tmp_path, text, fault):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(DamagedFileError) as refusal:
        read_config(file)
    assert str(refusal.value).startswith(f"{file}: ")
    assert fault in str(refusal.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_looked_into_is_listed(make_run, tmp_path):
    make_run(seed=0)
    closed = make_run(seed=1)
    closed.path.chmod(0)
    try:
        assert len(find_runs([tmp_path])) == 2
        assert "permission denied" in read_runs(tmp_path)[1].error
        with pytest.raises(CnnlabError, match="permission denied"):
            RunDir.open(closed)
    finally:
        closed.path.chmod(0o755)


BROKEN = {"broken": b"defaults: [mlp\nhidden: [", "latin": b"\xff\xfe", "listed": b"- 1\n"}


def test_broken_yaml_in_conf_is_named_and_kills_nothing(cnnlab, tmp_path):
    from cnnlab.app.listing import _say_once

    _say_once.cache_clear()
    folder = tmp_path / "conf" / "model"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("defaults: [mlp]\nhidden: [7]\n")
    for name, content in BROKEN.items():
        (folder / f"{name}.yaml").write_bytes(content)
    answer = cnnlab("models")
    assert answer.code == 0
    assert "variant mine" in answer.out
    lines = answer.err.splitlines()
    assert len(lines) == 3
    for name, line in zip(sorted(BROKEN), lines, strict=True):
        assert line.startswith(f"{folder / name}.yaml: ")
        refused = cnnlab("train", "--plan", f"model={name}", "data=digits")
        assert refused.code == 2
        assert f"{name}.yaml" in refused.err
        assert refused.err.count("\n") <= 3
    assert cnnlab("layers", "model=mine", "data=digits").code == 0


def test_a_damaged_status_is_kept_when_it_is_changed(make_run):
    run = make_run()
    whole = run.status_file.read_bytes()
    run.status_file.write_bytes(whole[:-3])
    run.update_status(state="failed")
    assert run.status()["state"] == "failed"
    (kept,) = run.path.glob("status.json.damaged-*")
    assert kept.read_bytes() == whole[:-3]
    run.status_file.unlink()
    run.status_file.mkdir()
    assert state_of(run)[1]["error"] == f"{run.status_file}: is a folder"
    run.update_status(state="done")
    assert run.status()["state"] == "done"


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ('"latency_seconds": "fast"', "latency_seconds='fast' is not a number"),
        ('"peak_host_bytes": -1', "peak_host_bytes=-1 is not a count"),
        ('"peak_device_bytes": 1e30', "peak_device_bytes=1e+30 is not a count"),
        ('"threads": 1.5', "threads=1.5 is not a count"),
        ('"device": 3', "device=3 is not text"),
        ('"commit": null', "commit=None is not text"),
    ],
)
def test_a_cost_or_an_origin_of_another_type_is_refused(tmp_path, column, fault):
    file = tmp_path / "result.json"
    file.write_text(f"{{{column}}}")
    with pytest.raises(DamagedFileError) as refusal:
        read_result(file)
    assert str(refusal.value) == f"{file}: {fault}"
