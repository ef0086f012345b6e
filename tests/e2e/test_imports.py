"""What a command does not need, it does not import."""

import subprocess
import sys

import pytest

PROBE = """
import sys
sys.argv = ["cnnlab", *{words!r}]
from cnnlab.app import cli
try:
    cli.main()
except SystemExit as exit:
    print("exit code", exit.code)
print("|".join(sorted(m for m in sys.modules if "." not in m)))
"""
# Importing lightning takes most of the second that these would add to an answer.
TRAINING = {"lightning", "torchmetrics", "torchvision", "tensorboard", "sklearn", "scipy"}
SWEEPING = {"optuna", "joblib", "ray", "submitit"}
DRAWING = {"matplotlib", "pandas"}


@pytest.fixture
def modules_after(tmp_path, monkeypatch):
    """The modules that a command has loaded at its end, and the code that it ended with."""
    monkeypatch.setenv("CNNLAB_IMPORT", "")

    def run(*words: str) -> tuple[set[str], int]:
        done = subprocess.run(
            [sys.executable, "-c", PROBE.format(words=list(words))],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        *said, loaded = done.stdout.strip().splitlines()
        code = said[-1].removeprefix("exit code ") if said else "0"
        return set(loaded.split("|")), int(code) if code.isdigit() else 0

    return run


def test_help_imports_nothing_heavy(modules_after):
    loaded, _ = modules_after("--help")
    assert loaded & {"torch", "hydra", "rich", "numpy", "yaml"} == set()
    assert loaded & (TRAINING | SWEEPING | DRAWING) == set()


@pytest.mark.parametrize(
    "words",
    [
        ("models",),
        ("data",),
        pytest.param(("models", "--data", "cifar10"), marks=pytest.mark.slow),
    ],
)
def test_listings_do_not_import_lightning(modules_after, words):
    loaded, code = modules_after(*words)
    assert code == 0
    assert "torch" in loaded
    assert loaded & (TRAINING | SWEEPING | DRAWING | {"hydra"}) == set()


def test_runs_are_listed_without_torch(modules_after, tmp_path):
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "runs" / "one" / "status.json").write_text('{"state": "failed"}')
    loaded, code = modules_after("runs")
    assert code == 0
    assert loaded & {"torch", "hydra", "numpy"} == set()
    assert loaded & (TRAINING | SWEEPING | DRAWING) == set()


def test_compare_does_not_import_torch(modules_after):
    loaded, _ = modules_after("compare", "nowhere")
    assert loaded & {"torch", "hydra", "matplotlib"} == set()
    assert loaded & (TRAINING | SWEEPING) == set()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("trainer.epochs=0",), 2),
        (("-m", "model=mlp,lenet55"), 2),
        (("--cfg", "job"), 0),
    ],
)
def test_a_config_is_refused_or_shown_without_lightning(modules_after, words, code):
    loaded, ended = modules_after("train", *words)
    assert ended == code
    assert "hydra" in loaded
    assert loaded & (TRAINING | SWEEPING | DRAWING) == set()
