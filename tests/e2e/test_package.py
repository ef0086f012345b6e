"""The wheel works where there is no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow(20)
def test_a_wheel_trains_outside_the_checkout(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), ROOT],
        check=True,
    )
    (wheel,) = tmp_path.glob("cnnlab-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    packed = {
        str(file.relative_to(site / "cnnlab/conf"))
        for file in (site / "cnnlab/conf").rglob("*.yaml")
    }
    source = {str(file.relative_to(ROOT / "conf")) for file in (ROOT / "conf").rglob("*.yaml")}
    assert packed == source
    program = "import cnnlab, sys; print(cnnlab.__file__); from cnnlab.app.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "train", "-m", "trainer=smoke", "model=mlp", "seed=0,1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == str(site / "cnnlab/__init__.py")
    assert "2 of 2 runs done" in done.stdout
