"""`cnnlab runs`: the status of runs, selecting them, why they failed, and cleaning up."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import claimed
from cnnlab.runs.filter import parse_condition, select
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import ordered, read_runs
from cnnlab.runs.status_table import latest, summary


@pytest.fixture
def runs(make_run, tmp_path):
    """Done, failed, dead and half-finished runs in ``sweep/run1`` to ``sweep/run4``."""
    make_run(seed=0, val_acc=0.71, **{"optim.lr": 0.001})
    failed = make_run(seed=1, state="failed", curve=[(0.3, 2.0)], **{"model.name": "lenet5"})
    trace = "Traceback (most recent call last):\n  File x\nRuntimeError: a [red] wire came loose"
    failed.update_status(error="RuntimeError: a [red] wire came loose\nmore", traceback=trace)
    head = "".join(f"line {i}\n" for i in range(30))
    failed.log_file.write_text(f"{head}ERROR failed run2\n{trace}\n")
    dead = make_run(seed=2, state="running", curve=[(0.4, 2.0), (0.6, 1.5), (0.5, 1.9)])
    dead.write_config(dead.config() | {"trainer": {"epochs": 8}})
    stopped = make_run(seed=3, state="interrupted", **{"trainer.epochs": 5})
    stopped.metrics_file.unlink()
    return tmp_path / "sweep"


def test_a_row_shows_the_state_and_the_best_score(runs):
    done, failed, dead, stopped = read_runs(runs.parent)
    assert [run.name for run in (done, dead)] == ["sweep/run1", "sweep/run3"]
    assert (done.state, done.epoch, done.epochs, done.score) == ("done", 2, 2, 0.71)
    assert done.seconds == 10.0
    assert (failed.state, failed.score) == ("failed", 0.3)
    assert (dead.state, dead.epoch, dead.epochs) == ("killed", 3, 8)
    assert dead.scores == {"val_acc": 0.6, "val_loss": 1.5}  # the best so far
    assert (stopped.state, stopped.epoch, stopped.score) == ("interrupted", 0, None)
    assert 0 <= done.age < 100


def test_a_claimed_run_is_running(runs):
    with claimed(RunDir(runs / "run3")):
        assert read_runs(runs)[2].state == "running"
    assert read_runs(runs)[2].state == "killed"


def test_time_is_summed_over_epochs_and_nan_is_no_accuracy(make_run, tmp_path):
    run = make_run(state="failed")
    run.metrics_file.write_text("epoch,val_acc,val_loss,seconds\n1,0.5,1.0,1.5\n2,nan,nan,2\n")
    (row,) = read_runs(tmp_path)
    assert (row.seconds, row.epoch, row.score) == (3.5, 2, 0.5)


def test_an_unreadable_config_affects_its_own_row_only(runs):
    (runs / "run1/config.yaml").write_text("model: [")
    first, *others = read_runs(runs)
    assert "config.yaml" in first.error
    assert first.epochs is None
    assert [run.state for run in others] == ["failed", "killed", "interrupted"]


def test_orders(runs):
    def names(by):
        return [run.name for run in ordered(read_runs(runs), by)]

    assert names("val_acc") == ["run1", "run3", "run2", "run4"]  # none is last
    assert names("progress") == ["run1", "run2", "run3", "run4"]
    assert names("status") == ["run1", "run2", "run4", "run3"]
    os.utime(runs / "run3/metrics.csv", (time.time() + 50, time.time() + 50))
    assert names("age")[0] == "run3"
    with claimed(RunDir(runs / "run3")):
        assert latest(read_runs(runs))[0].name == "run3"
    with pytest.raises(CnnlabError, match="--sort val_ac: no such order; did you mean 'val_acc'"):
        names("val_ac")


@pytest.mark.parametrize(
    ("where", "states", "found"),
    [
        (["model=mlp"], [], "134"),
        (["model=mlp", "seed=0,3"], [], "14"),
        (["optim.lr=1e-3"], [], "1"),
        (["optim.lr!=0.001"], [], "234"),
        (["data.root=null"], ["killed"], "3"),
        ([], ["failed,done"], "12"),
        (["seed=7"], [], ""),
    ],
)
def test_conditions(runs, where, states, found):
    assert [run.name for run in select(read_runs(runs), where, states)] == [
        f"run{i}" for i in found
    ]


def test_a_chosen_variant_and_a_list_are_found_as_typed(make_run, tmp_path):
    variant = make_run()
    model = {"name": "resnet", "depth": 20, "hidden": [8, 16]}
    variant.write_config(variant.config() | {"model": model})
    variant.update_status(choices={"model": "resnet20"})
    rows = read_runs(tmp_path)
    for word in ("model=resnet20", "model.name=resnet", "model.hidden=[8,16]", "model.depth=20"):
        assert select(rows, [word]), word
    assert not select(rows, ["model=resnet"])


def test_failed_stands_for_every_failure(make_run, tmp_path):
    for state in ("failed", "diverged", "out of memory", "preempted"):
        make_run(state=state)
    rows = read_runs(tmp_path)
    assert len(select(rows, states=["failed"])) == 3
    assert len(select(rows, states=["out of memory"])) == 1
    assert str(summary(rows)).startswith(
        "4 runs: 1 failed, 1 diverged, 1 out of memory, 1 preempted; why: cnnlab runs --why"
    )


def test_refusals_name_the_nearest(runs):
    rows = read_runs(runs)
    with pytest.raises(CnnlabError, match=r"--where modle: .*did you mean 'model'"):
        select(rows, ["modle=mlp"])
    with pytest.raises(CnnlabError, match=r"--status fail: .*did you mean 'failed'"):
        select(rows, states=["fail"])
    with pytest.raises(CnnlabError, match="write KEY=VALUE"):
        parse_condition("model")


def test_the_listing(cnnlab, runs):
    answer = cnnlab("runs", str(runs), "--sort", "val_acc", "--watch")  # no terminal: once
    lines = answer.out.splitlines()
    assert " ".join(lines[0].split()) == "run status epoch val acc % time changed error"
    assert lines[2].split()[:5] == ["run1", "done", "2/2", "71.00", "10.0"]
    assert lines[4].endswith("RuntimeError: a [red] wire came loose")
    assert lines[-1].startswith("4 runs: 1 done, 1 failed, 1 interrupted, 1 killed; why: ")
    assert cnnlab("runs", str(runs), "--where", "seed=9").out.strip() == "no runs"
    missing = cnnlab("runs")
    assert (missing.code, missing.out) == (2, "")
    assert "runs: no such folder" in missing.err


def test_runs_that_reconstruct_show_their_error(cnnlab, make_run, tmp_path):
    run = make_run(state="interrupted")
    run.metrics_file.write_text("epoch,val_loss,seconds\n1,0.25,1\n2,0.125,1\n")
    header, _, row, *_ = cnnlab("runs", str(tmp_path)).out.splitlines()
    assert "val error" in header
    assert row.split()[3:5] == ["-", "0.12500"]


def test_why(cnnlab, runs):
    out = cnnlab("runs", str(runs), "--why", "run2").out
    assert "failed after 1 of 1 epochs: RuntimeError: a [red] wire came loose" in out
    assert out.count("Traceback") == 1  # the log holds it, too
    assert "line 29\nERROR failed run2\n(the traceback above)" in out
    assert "line 11\n" not in out
    killed = cnnlab("runs", "--why", str(runs / "run3")).out
    assert "killed after 3 of 8 epochs: its process ended without recording a result" in killed
    assert "continues from the beginning" in killed
    several = cnnlab("runs", str(runs), "--why", "run")
    assert (several.code, several.err.count("\n")) == (2, 5)
    assert "--why none: no such run" in cnnlab("runs", str(runs), "--why", "none").err


def test_clean_asks_first(cnnlab, runs, monkeypatch):
    refused = cnnlab("runs", str(runs), "--clean")
    assert refused.code == 2
    assert "--yes removes 1 failed run without" in refused.err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert "nothing was removed" in cnnlab("runs", str(runs), "--clean").out
    assert len(read_runs(runs)) == 4
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert "removed 1 failed run" in cnnlab("runs", str(runs), "--clean").out
    assert sorted(path.name for path in runs.iterdir()) == ["run1", "run3", "run4"]
    assert "no failed runs" in cnnlab("runs", str(runs), "--clean", "--yes").out


def test_clean_keeps_runs_that_are_not_selected_or_run_again(cnnlab, runs, make_run):
    other = make_run(state="diverged", seed=9)
    with claimed(other):
        out = cnnlab("runs", str(runs), "--clean", "--yes").out
    assert "removed 1 of 2 failed runs" in out
    assert not (runs / "run2").exists()
    cnnlab("runs", str(runs), "--clean", "--yes", "--where", "seed=8,3")
    assert other.config_file.is_file()
    assert cnnlab("runs", str(runs), "--clean", "--yes", "--status", "diverged").code == 0
    assert not other.path.exists()


WATCH = """
import sys
from cnnlab.app import cli
sys.argv = ["cnnlab", "runs", sys.argv[1], "--watch"]
try:
    cli.main()
finally:
    print("heavy", sorted({"torch", "lightning", "hydra", "pandas"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_watching_updates_exits_cleanly_and_imports_nothing_heavy(runs):
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH, str(runs)],
        stdin=inside,
        stdout=inside,
        stderr=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
    )
    os.close(inside)
    seen = b""

    def read_until(word):
        nonlocal seen
        while word not in seen:
            seen += os.read(terminal, 4096)

    read_until(b"4 runs")
    RunDir(runs / "run4").update_status(state="preempted")
    read_until(b"preempted")
    process.send_signal(signal.SIGINT)
    read_until(b"heavy []")
    assert b"no longer watching" in seen
    assert process.wait(20) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    os.close(terminal)
