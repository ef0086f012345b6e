"""`cnnlab tensorboard`: really started, asked for its runs, and stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from cnnlab.app.tensorboard import readable_names
from cnnlab.runs.run_dir import RunDir

SERVE = """
import sys
from cnnlab.app import cli
sys.argv = ["cnnlab", "tensorboard", *sys.argv[1:]]
try:
    cli.main()
finally:
    print("heavy", sorted({"torch", "lightning", "hydra"} & set(sys.modules)))
"""


def fake_run(folder, *, written=True, model="mlp", lr=0.1, seed=0) -> RunDir:
    folder.mkdir(parents=True)
    run = RunDir(folder)
    groups = {"model": {"name": model}, "data": {"name": "digits"}}
    run.write_config({**groups, "optim": {"name": "sgd", "lr": lr}, "seed": seed})
    run.update_status(state="running")
    if written:
        writer = EventFileWriter(str(run.tensorboard_dir))
        scalar = Summary(value=[Summary.Value(tag="val/acc", simple_value=0.5)])
        writer.add_event(Event(step=1, wall_time=time.time(), summary=scalar))
        writer.close()
    return run


def shown(url, wanted):
    """The names that TensorBoard gives, as soon as they are ``wanted``; it reads every 5 s."""
    end = time.time() + 60
    while time.time() < end:
        with urllib.request.urlopen(f"{url}data/runs", timeout=20) as answer:
            names = json.load(answer)
        if set(names) == wanted:
            return set(names)
        time.sleep(0.5)
    return set(names)


def test_names_hold_what_tells_the_runs_apart_and_the_seed_early(tmp_path):
    first = [
        fake_run(tmp_path / f"a/{model}_digits_seed{seed}_epochs3-{seed}", model=model, seed=seed)
        for model in ("mlp", "lenet5")
        for seed in (0, 1)
    ]
    short = ["mlp_seed0", "mlp_seed1", "lenet5_seed0", "lenet5_seed1"]
    assert readable_names(first) == short
    assert readable_names(first[:1]) == ["mlp_seed0"]
    other = fake_run(tmp_path / "b/mlp_digits_lr0.05-4", lr=0.05)
    assert readable_names([*first, other]) == [
        *(f"{name}_lr0.1 (a)" for name in short),
        "mlp_seed0_lr0.05 (b)",
    ]
    again = fake_run(tmp_path / "a/mlp_digits_seed0_epochs3-0-2")
    assert readable_names([*first[:2], again]) == [
        *("a/mlp_digits_seed0_epochs3-0", "mlp_seed1", "a/mlp_digits_seed0_epochs3-0-2")
    ]


def test_runs_that_cannot_be_read_have_their_folders_names(tmp_path):
    twins = [RunDir(tmp_path / "x/a/mlp"), RunDir(tmp_path / "y/a/mlp"), RunDir(tmp_path / "a/net")]
    names = readable_names(twins)
    assert [name[-7:] for name in names] == ["x/a/mlp", "y/a/mlp", "a/net"]


@pytest.mark.slow
def test_it_serves_readable_names_and_runs_that_begin_later(tmp_path):
    fake_run(tmp_path / "runs/first, sweep/mlp_lr0.1-0123abcd")
    late = fake_run(tmp_path / "runs/first, sweep/mlp_lr0.5-22222222", lr=0.5, written=False)
    links = tmp_path / "links"
    links.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(links)},
    )
    try:
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", line).group()
        assert "(runs: 1;" in line
        assert shown(url, {"mlp_seed0_lr0.1"}) == {"mlp_seed0_lr0.1"}
        fake_run(tmp_path / "elsewhere").tensorboard_dir.rename(late.tensorboard_dir)
        fake_run(tmp_path / "runs/second/net-3", model="net")  # another sweep: all names change
        all_three = {
            *("mlp_seed0_lr0.1 (first, sweep)", "mlp_seed0_lr0.5 (first, sweep)"),
            "net_seed0_lr0.1 (second)",
        }
        assert shown(url, all_three) == all_three
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert out == "heavy []\n"
    assert err == "\nTensorBoard stopped\n"
    assert process.returncode == 0
    assert not list(links.glob("cnnlab-*"))
    assert late.config_file.is_file()


@pytest.mark.slow
def test_refusals(cnnlab, tmp_path, monkeypatch):
    nothing = cnnlab("tensorboard", str(tmp_path))
    assert nothing.code == 2
    assert f"no runs in {tmp_path}" in nothing.err
    fake_run(tmp_path / "runs/s/mlp")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "-c", SERVE, "--port", str(port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert refused.returncode == 2
    assert f"port {port}, it was already in use; leave out --port" in refused.stderr
    assert refused.stderr.count("\n") == 1
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    missing = cnnlab("tensorboard")
    assert (missing.code, missing.err.count("\n")) == (2, 1)
    assert "TensorBoard is not installed" in missing.err


@pytest.mark.parametrize("port", ["-1", "70000", "web"])
def test_impossible_ports(cnnlab, port):
    assert cnnlab("tensorboard", "--port", port).code == 2
