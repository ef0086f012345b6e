"""What a run runs on, as columns of its result."""

import shutil
import subprocess

import pytest
import torch

from cnnlab.training import environment
from cnnlab.training.environment import device_name, result_columns

FOUND = {
    "packages": {"torch": "2.14.1", "cnnlab": None, "numpy": "2.4"},
    "device": "AMD EPYC",
    "devices": 2,
    "threads": 4,
    "cores": 8,
    "git": {"commit": "0123456789abcdef", "dirty": False},
}


def test_columns_of_what_is_known():
    known = {"device": "AMD EPYC", "threads": 4, "devices": 2, "torch": "2.14.1"}
    assert result_columns(FOUND) == known | {"commit": "0123456789ab"}
    changed = FOUND | {"git": {"commit": "0123456789abcdef", "dirty": True}}
    assert result_columns(changed)["commit"] == "0123456789ab+changes"
    assert result_columns(FOUND | {"git": None}) == known


def test_the_name_of_a_processor(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(environment, "CPU_FILE", file)
    monkeypatch.setattr(environment.platform, "processor", lambda: "")
    monkeypatch.setattr(environment.platform, "machine", lambda: "aarch64")
    assert device_name(torch.device("cpu")) == "aarch64"  # no such file
    file.write_text("processor\t: 0\nBogoMIPS\t: 50\n")
    assert device_name(torch.device("cpu")) == "aarch64"
    file.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some  CPU @ 2 GHz \n")
    assert device_name(torch.device("cpu")) == "Some CPU @ 2 GHz"
    assert device_name(torch.device("mps")) == "mps"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_commit_is_changed_by_edits_and_not_by_new_files(tmp_path, monkeypatch):
    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        command = ["git", *identity, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment._git() is None
    git("init", "-q")
    (tmp_path / "model.py").write_text("1")
    git("add", "model.py")
    git("commit", "-qm", "first")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "config.yaml").write_text("new")
    assert environment._git() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "model.py").write_text("2")
    found = environment._git()
    assert found is not None
    assert found["dirty"]
