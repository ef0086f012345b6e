"""Every command and every piece of Python in the README and in docs/, run as it stands."""

import contextlib
import glob
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.core.config_store import ConfigStore
from PIL import Image

from cnnlab import registry as registries
from cnnlab.config.options import GROUPS, LISTS
from cnnlab.data.dataset import Images
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.discovery import discover
from cnnlab.metrics import METRICS
from cnnlab.registry import DATASETS, Registry
from cnnlab.runs.run_dir import find_runs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REGISTRIES = {n: found for n, found in vars(registries).items() if isinstance(found, Registry)}
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page, flags=re.DOTALL)


def commands(page: str) -> list[str]:
    return [line for text in blocks(page, "sh") for line in text.strip().splitlines()]


def files(page: str) -> dict[str, str]:
    """The Python that the page tells to save, by the file's name."""
    named = r"[Ss]ave\s+this\s+as\s+`(\w+\.py)`:\n\n```python\n(.*?)```"
    return dict(re.findall(named, page, flags=re.DOTALL))


def snippets(page: str) -> list[str]:
    """The Python that is typed into a notebook."""
    saved = files(page).values()
    return [text for text in blocks(page, "python") if text not in saved]


def test_the_blocks_were_found():
    assert len(commands(README)) >= 15
    assert list(files(README)) == ["my_models.py", "my_parts.py", "my_callbacks.py"]
    assert len(snippets(README)) == 1
    assert len(files(PAGES["own_components"])) == 9
    assert len(snippets(PAGES["python_api"])) == 4
    for page in (README, *PAGES.values()):
        assert all(line.startswith("cnnlab ") for line in commands(page))


def test_every_registry_has_an_example_of_ones_own():
    """Each is saved, chosen and trained with by the tests below."""
    saved = "".join([*files(README).values(), *files(PAGES["own_components"]).values()])
    registered = set(re.findall(r"^@(\w+)\.register\(", saved, flags=re.MULTILINE))
    assert registered == set(REGISTRIES)


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
    monkeypatch.syspath_prepend(str(tmp_path))
    metrics = dict(METRICS)
    with contextlib.ExitStack() as stack:
        for registry in REGISTRIES.values():
            stack.enter_context(registry.temporary())
        yield
        added = own_components()
    METRICS.clear()
    METRICS.update(metrics)
    for kind, name in added:
        ConfigStore.instance().repo.get(kind, {}).pop(f"{name}.yaml", None)
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]


def own_components() -> set[tuple[str, str]]:
    """Kind and name of what came from a file that a page told to save."""
    return {
        (registry.kind, entry.name)
        for registry in REGISTRIES.values()
        for entry in registry
        if entry.component.__module__.startswith("my_")
    }


def trained_components() -> set[tuple[str, str]]:
    """Kind and name of what the finished runs are made of."""
    found = set()
    for run in (run for run in find_runs(["runs"]) if run.is_done):
        config, result = run.config(), run.result()
        found |= {(kind, config[kind]["name"]) for kind in GROUPS}
        found |= {(kind, name) for kind in LISTS for name in config[kind]}
        found.add(("task", result["task"]))
    return found


def follow(page: str, cnnlab) -> dict[str, object]:
    """Do what a page says; the names that its notebook has at the end."""
    for name, text in files(page).items():
        Path(name).write_text(text)
    for line in commands(page):
        answer = cnnlab(*words(line))
        assert answer.code == 0, f"{line}\n{answer.err}"
    scope: dict[str, object] = {}
    for snippet in snippets(page):
        exec(snippet, scope)
    assert own_components() <= trained_components()
    return scope


def words(line: str) -> list[str]:
    """A line as a shell would split it, its one substitution and its patterns resolved."""
    line = re.sub(r"\$\(ls -d (\S+)\)", lambda match: glob.glob(match[1])[0], line)
    split = shlex.split(line, comments=True)
    return [w for word in split[1:] for w in (glob.glob(word) if word.endswith("/*") else [word])]


@pytest.mark.slow(120)
@pytest.mark.usefixtures("newcomer")
def test_every_command_and_snippet(cnnlab):
    scope = follow(README, cnnlab)
    assert len(scope["comparison"].table) == 1
    assert not scope["trained"].training
    results = [run.result() for run in find_runs(["runs"])]
    tested = [row for row in results if "test_acc" in row]  # trials of a search are not
    assert min(row["test_acc"] for row in tested if row["model"] == "mynet") > 0.8
    assert min(row["test_acc"] for row in tested if row["data"] == "stripes") > 0.9


@pytest.mark.slow(8)
@pytest.mark.usefixtures("newcomer")
@pytest.mark.parametrize(
    "name", sorted(n for n, page in PAGES.items() if commands(page) or snippets(page))
)
def test_every_command_of_a_page_of_docs(cnnlab, name):
    follow(PAGES[name], cnnlab)


def test_the_model_of_the_readme_is_about_twenty_lines():
    assert len(files(README)["my_models.py"].strip().splitlines()) <= 22


def test_every_file_that_is_linked_exists():
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
