"""Versions of ours, code of a person's own: what changes a component's source and what does not."""

import importlib
import sys
from pathlib import Path

import pytest

import cnnlab.models  # noqa: F401
from cnnlab.registry import MODELS, Registry
from cnnlab.runs.first_edition import defining_files
from cnnlab.runs.source_digest import code_files, source_of

FILES = {
    "net.py": '''"""A network."""
import json
import blocks
from parts.layers import conv
from parts import heads as h, scale
def build(*, width: int = 8):
    """Builds it."""
    from late import finish
    return finish(conv(blocks.block(width)))  # a comment
''',
    "blocks.py": "def block(x): return x + 1\n",
    "late.py": "def finish(x): return x * 2\n",
    "parts/__init__.py": "from .scales import scale\n",
    "parts/scales.py": "def scale(x): return x\n",
    "parts/layers.py": "from . import shared\ndef conv(x): return shared.f(x)\n",
    "parts/shared.py": "def f(x): return x\n",
    "parts/heads.py": "import torch\n",
    "parts/unused.py": "1 / 0\n",
    "json.py": "raise RuntimeError\n",  # a namesake of the standard library's
    "torch.py": "raise RuntimeError\n",  # and of a library that is loaded from elsewhere
    "unused.py": "1 / 0\n",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A person's folder and its registered component: ``own.source()`` reads it as it is now."""

    class Own:
        folder = tmp_path

        def write(self, name: str, text: str) -> None:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)

        def edit(self, name: str, before: str, after: str) -> None:
            text = (tmp_path / name).read_text()
            assert before in text
            self.write(name, text.replace(before, after))

        def source(self) -> str:
            return source_of(registry["net"])

    own = Own()
    for name, text in FILES.items():
        own.write(name, text)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    registry = Registry("model")
    registry.register("net")(importlib.import_module("net").build)
    yield own
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_component_of_ours_is_known_by_its_version():
    assert source_of(MODELS["lenet5"]) == "v1"
    with MODELS.temporary():
        MODELS.register("lenet5", version=3)(MODELS["lenet5"].component)
        assert source_of(MODELS["lenet5"]) == "v3"


def test_imports_are_followed_below_the_own_top_folder_only(own):
    files = code_files(importlib.import_module("net").build)
    followed = {path.relative_to(own.folder).as_posix() for path in files}
    assert followed == {
        *("net.py", "blocks.py", "late.py"),
        *("parts/__init__.py", "parts/scales.py"),  # of which the name scale is taken
        *("parts/layers.py", "parts/shared.py", "parts/heads.py"),
    }


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("net.py", "# a comment", "# another"),
        ("net.py", '"""Builds it."""\n', '"""Builds the network.\n\n    Well.\n    """\n\n'),
        ("net.py", '"""A network."""\n', ""),
        ("net.py", "build(*, width: int = 8)", "build(\n    *,\n    width: int = (8),\n)"),
        ("blocks.py", "x + 1", "(x  +  0x1)"),
        ("parts/unused.py", "1 / 0", "2 / 0"),
        ("json.py", "RuntimeError", "ValueError"),
        ("torch.py", "RuntimeError", "ValueError"),
    ],
)
def test_what_changes_no_code_changes_no_source(own, name, before, after):
    source = own.source()
    assert source.startswith("ast:")
    own.edit(name, before, after)
    assert own.source() == source


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("net.py", "= 8", "= 9"),
        ("net.py", "= 8", "= 8.0"),
        ("blocks.py", "x + 1", "x - 1"),
        ("late.py", "x * 2", "x * 3"),
        ("parts/shared.py", "return x", "return -x"),
        ("parts/scales.py", "return x", "return -x"),
    ],
)
def test_what_changes_code_changes_the_source(own, name, before, after):
    source = own.source()
    own.edit(name, before, after)
    assert own.source() != source


def test_the_source_is_the_same_wherever_the_folder_lies(own, tmp_path_factory, monkeypatch):
    source, elsewhere = own.source(), tmp_path_factory.mktemp("elsewhere")
    for name, text in FILES.items():
        (elsewhere / name).parent.mkdir(exist_ok=True)
        (elsewhere / name).write_text(text)
    for name in ("net", "blocks", "parts", "parts.layers", "parts.scales", "parts.heads"):
        sys.modules.pop(name, None)
    monkeypatch.setattr(sys, "path", [*sys.path[:-1], str(elsewhere)])
    registry = Registry("model")
    registry.register("net")(importlib.import_module("net").build)
    assert source_of(registry["net"]) == source


def test_a_version_counts_for_code_that_is_not_ours_too(own):
    registry = Registry("model")
    registry.register("net", version=2)(importlib.import_module("net").build)
    assert source_of(registry["net"]) != own.source()


def test_code_that_cannot_be_parsed_counts_by_its_bytes(own):
    own.write("late.py", "def finish(:")
    source = own.source()
    own.write("late.py", "def finish(::")
    assert own.source() != source


def test_of_an_installed_library_its_own_modules_count(tmp_path, monkeypatch):
    place = tmp_path / "site-packages"
    for name, text in {
        "plug/__init__.py": "from .nets import build\n",
        "plug/nets.py": "import other\nfrom plug.deep import more\ndef build(): ...\n",
        "plug/deep/__init__.py": "from ..low import more\n",
        "plug/low.py": "def more(): ...\n",
        "other.py": "",
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    monkeypatch.syspath_prepend(str(place))
    files = code_files(importlib.import_module("plug").build)
    found = {Path(file).relative_to(place).as_posix() for file in files}
    assert found == {"plug/nets.py", "plug/deep/__init__.py", "plug/low.py"}
    for name in [name for name in sys.modules if name.split(".")[0] in ("plug", "other")]:
        del sys.modules[name]


def test_a_component_that_was_typed_into_a_session_has_no_source(monkeypatch):
    registry = Registry("model")

    def typed() -> None: ...

    monkeypatch.setattr(typed, "__module__", "no_such_module")
    registry.register("typed")(typed)
    assert source_of(registry["typed"]) == ""


def test_the_old_digest_covered_the_files_that_a_model_shares():
    files = {file.stem for file in defining_files(MODELS["resnet"].component.__module__, set())}
    assert {"resnet", "residual", "layers"} <= files
    assert "mlp" not in files
