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
except SystemExit:
    pass
print("|".join(sorted(m for m in sys.modules if "." not in m)))
"""


def modules_after(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=list(words))],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.strip().splitlines()[-1].split("|"))


def test_help_imports_nothing_heavy():
    assert not {"torch", "hydra", "lightning", "rich", "pandas"} & modules_after("--help")


@pytest.mark.parametrize("words", [("models",), ("models", "--data", "cifar10"), ("data",)])
def test_listings_do_not_import_lightning(words):
    loaded = modules_after(*words)
    assert "torch" in loaded
    assert not {"lightning", "torchvision", "matplotlib"} & loaded


def test_compare_does_not_import_torch():
    assert not {"torch", "lightning", "hydra"} & modules_after("compare", "nowhere")
