"""Names are kept until one of the files that they come from changes."""

import os

import pytest

from cnnlab.app import name_cache, names
from cnnlab.app.name_cache import load_names


@pytest.fixture
def collecting(tmp_path, monkeypatch):
    """The names are how often they were collected; files in tmp_path are what they come from."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "nets.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CNNLAB_IMPORT", "")
    count: list[int] = []
    monkeypatch.setattr(names, "collect", lambda: count.append(1) or {"number": len(count)})
    monkeypatch.setattr(name_cache, "_discover", lambda modules: "broken" not in modules)
    files = [tmp_path / "lab", tmp_path / "lab" / "nets.py", tmp_path / "later.py"]
    for file in files[:2]:
        os.utime(file, (1, 1))
    monkeypatch.setattr(name_cache, "_sources", lambda _: {str(file) for file in files})


@pytest.mark.usefixtures("collecting")
def test_they_are_remade_when_a_source_changes(tmp_path):
    assert load_names() == {"number": 1}
    assert load_names() == {"number": 1}
    os.utime(tmp_path / "lab" / "nets.py", (2, 2))
    assert load_names() == {"number": 2}
    (tmp_path / "lab" / "more.py").touch()
    assert load_names() == {"number": 3}
    (tmp_path / "lab" / "notes.txt").touch()  # no module
    assert load_names() == {"number": 3}
    (tmp_path / "later.py").touch()
    os.utime(tmp_path / "later.py", (1, 1))
    assert load_names() == {"number": 4}
    assert load_names() == {"number": 4}


@pytest.mark.usefixtures("collecting")
def test_a_file_written_while_they_are_collected_is_read_again(tmp_path):
    (tmp_path / "later.py").touch()
    os.utime(tmp_path / "later.py", (2e9, 2e9))
    assert [load_names()["number"] for _ in range(2)] == [1, 2]


@pytest.mark.usefixtures("collecting")
def test_each_set_of_own_modules_has_its_own(tmp_path, monkeypatch):
    assert load_names() == {"number": 1}
    assert load_names(["nets"]) == {"number": 2}
    monkeypatch.setenv("CNNLAB_IMPORT", "nets")
    assert load_names() == {"number": 2}
    monkeypatch.chdir(tmp_path / "lab")  # where nets may be another file
    assert load_names() == {"number": 3}
    assert [load_names(["broken"])["number"] for _ in range(2)] == [4, 5]


@pytest.mark.usefixtures("collecting")
def test_a_damaged_file_or_no_place_for_one_is_no_obstacle(tmp_path, monkeypatch):
    assert load_names() == {"number": 1}
    (file,) = (tmp_path / "cache").rglob("*.json")
    for text in ("{", "[]", '{"key": 1, "sources": 2, "names": 3}'):
        file.write_text(text)
        assert load_names()["number"] > 1
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert load_names() == {"number": 5}


def test_the_sources_are_ours_and_a_persons_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = name_cache._sources(["lab.nets"])
    package = os.path.dirname(name_cache.PACKAGE)
    for ours in ("cnnlab/app/names.py", "cnnlab/models", "cnnlab/config/options.py"):
        assert os.path.join(package, ours) in found
    assert {str(tmp_path / "lab/nets.py"), str(tmp_path / "lab/nets/__init__.py")} <= found
    assert not any("torch/" in path or path.endswith("/os.py") for path in found)
