"""Every command and every piece of Python in the README, run as it stands."""

import glob
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.core.config_store import ConfigStore
from PIL import Image

from cnnlab.data.dataset import Images
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.discovery import discover
from cnnlab.registry import CALLBACKS, DATASETS, MODELS

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.strip().splitlines()]
SNIPPETS = [text for kind, text in BLOCKS if kind == "python"]


def test_the_blocks_were_found():
    assert len(COMMANDS) >= 15
    assert len(SNIPPETS) == 3  # a model, a callback, a notebook
    assert all(line.startswith("cnnlab ") for line in COMMANDS)


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """What the README supposes: pictures, a model file, and data sets that can be had."""

    discover()  # before the registry is to be restored

    def tiny(self, *_, **__):
        spec = self.spec
        labels = torch.arange(300) % spec.num_classes
        pixels = torch.randint(0, 256, (300, *spec.shape), dtype=torch.uint8)
        return Images(pixels, labels), Images(pixels[:50], labels[:50])

    monkeypatch.setattr(DownloadedDataset, "_read", tiny)
    monkeypatch.setattr(DownloadedDataset, "ensure_files", lambda *_, **__: None)
    for entry in DATASETS:
        if issubclass(entry.component, DownloadedDataset):
            monkeypatch.setattr(entry.component, "num_images", 300)
            monkeypatch.setattr(entry.component, "num_val", 50)
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (tmp_path / "PICS" / kind).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "PICS" / kind / f"{i}.png")
    (tmp_path / "my_models.py").write_text(SNIPPETS[0])
    (tmp_path / "my_callbacks.py").write_text(SNIPPETS[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    with MODELS.temporary(), CALLBACKS.temporary():
        yield
    ConfigStore.instance().repo["model"].pop("mynet.yaml", None)


def words(line: str) -> list[str]:
    """A line as a shell would split it, its one substitution and its patterns resolved."""
    line = re.sub(r"\$\(ls -d (\S+)\)", lambda match: glob.glob(match[1])[0], line)
    split = shlex.split(line, comments=True)
    return [w for word in split[1:] for w in (glob.glob(word) if word.endswith("/*") else [word])]


@pytest.mark.slow
@pytest.mark.usefixtures("newcomer")
def test_every_command_and_snippet(cnnlab):
    for line in COMMANDS:
        answer = cnnlab(*words(line))
        assert answer.code == 0, f"{line}\n{answer.err}"
    scope: dict[str, object] = {}
    exec(SNIPPETS[2], scope)
    assert len(scope["table"]) == 1
    assert not scope["trained"].training


def test_the_model_of_the_readme_is_about_twenty_lines():
    assert len(SNIPPETS[0].strip().splitlines()) <= 22


def test_every_file_that_is_linked_exists():
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", README)
    assert links
    for link in links:
        assert (Path(__file__).parents[2] / link).exists(), link
