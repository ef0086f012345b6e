"""What a command does not need, it does not import."""

import os
import subprocess
import sys

import pytest

# Of each command, the modules that are loaded at its end and the code that it ended with.
PROBE = """
import sys
from pathlib import Path
{prelude}
for number, words in enumerate({commands!r}):
    sys.argv = ["cnnlab", *words]
    code = 0
    try:
        from cnnlab.app import cli
        cli.main()
    except SystemExit as exit:
        code = exit.code
    loaded = sorted(m for m in sys.modules if "." not in m)
    Path(f"loaded{{number}}").write_text(" ".join([str(code), *loaded]))
"""
# Importing lightning takes most of the second that these would add to an answer.
TRAINING = {"lightning", "torchmetrics", "torchvision", "tensorboard", "sklearn", "scipy"}
SWEEPING = {"optuna", "joblib", "ray", "submitit"}
DRAWING = {"matplotlib", "pandas"}
UNUSED = TRAINING | SWEEPING | DRAWING


@pytest.fixture
def modules_after(tmp_path, monkeypatch):
    """The exit code and the modules after each of the commands, one after another in a process."""
    monkeypatch.setenv("CNNLAB_IMPORT", "")

    def run(*commands: tuple[str, ...], prelude: str = "") -> list[tuple[str, set[str]]]:
        subprocess.run(
            [sys.executable, "-c", PROBE.format(commands=commands, prelude=prelude)],
            capture_output=True,
            check=True,
            cwd=tmp_path,
        )
        found = []
        for number in range(len(commands)):
            code, *loaded = (tmp_path / f"loaded{number}").read_text().split()
            found.append((code, set(loaded)))
        return found

    return run


@pytest.mark.slow
def test_no_command_imports_what_it_does_not_need(modules_after, tmp_path):
    """Each may load more than the one before it, so that one process does for all."""
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "runs" / "one" / "status.json").write_text('{"state": "failed"}')
    commands = (
        (("--help",), "0", {"torch", "hydra", "rich", "numpy", "yaml"}),
        (("runs",), "0", {"torch", "hydra", "numpy"}),
        (("models",), "0", {"hydra"}),
        (("data",), "0", {"hydra"}),
        (("train", "trainer.epochs=0"), "2", set()),
        (("train", "-m", "model=mlp,lenet55"), "2", set()),
        (("train", "--cfg", "job"), "0", set()),
    )
    found = modules_after(*(words for words, _, _ in commands))
    for (words, expected, unneeded), (code, loaded) in zip(commands, found, strict=True):
        assert code == expected, words
        assert loaded & (unneeded | UNUSED) == set(), words
        assert ("torch" in loaded) == (words[0] not in ("--help", "runs")), words
        assert ("hydra" in loaded) == (words[0] == "train"), words


# The README's test counts all of them, which takes a quarter of a minute.
FEW_VARIANTS = """
from cnnlab.app import listing
listing.variants = lambda registry: iter([("resnet32", {"name": "resnet", "depth": 32})])
"""


@pytest.mark.slow
def test_what_models_cost_on_a_data_set_needs_no_training(modules_after):
    ((code, loaded),) = modules_after(("models", "--data", "cifar10"), prelude=FEW_VARIANTS)
    assert code == "0"
    assert loaded & (UNUSED | {"hydra"}) == set()


@pytest.mark.slow
def test_compare_does_not_import_torch(modules_after):
    (_, compared), (_, reported) = modules_after(("compare", "nowhere"), ("report", "nowhere"))
    assert compared & {"torch", "hydra", "matplotlib"} == set()
    assert reported & {"torch", "hydra"} == set()
    assert (compared | reported) & (TRAINING | SWEEPING) == set()


@pytest.mark.parametrize(
    ("own", "running", "expected"),
    [
        ({}, 1, "None"),  # itself
        ({}, 2, "2000"),
        ({"GOMP_SPINCOUNT": "7"}, 2, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, 2, "None"),
    ],
)
def test_how_long_threads_spin_is_set_before_torch_loads(own, running, expected) -> None:
    clean = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    script = (
        "import os, pathlib, sys; "
        f"pathlib.Path.read_text = lambda path: '0.1 0.2 0.3 {running}/90 7'; "
        "import cnnlab; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env={**clean, **own}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected, "False"]
