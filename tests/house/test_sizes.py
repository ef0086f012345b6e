"""Files hold one idea; every folder says in ten lines what it holds, in which order to read it."""

import ast
import statistics
from pathlib import Path

from source_tree import ROOT, assert_none, parse, python_files, short, write_tree

NUM_FILES = 452  # in cnnlab/; a search that finds fewer proves nothing
MEDIAN = (60, 110)
MOST_LINES = 300
MOST_LINES_OF_A_MODEL = 200
LONG = 250  # a longer file holds two ideas, unless it is named here with the reason
LONG_FILES: dict[str, str] = {}
SHORT = 30  # a shorter file holds half an idea, unless it is named here with the reason (or is a
# bridge to a library's private names, which should be short)
SHORT_FILES = {
    "explain/eval_mode.py": "one context manager, used by both folders of explain/",
}
DUMPING_GROUNDS = {"utils", "util", "helpers", "helper", "common", "misc"}
LONGEST_DOCSTRING = 10


def lengths(root: Path) -> dict[str, int]:
    """Lines of every file but the entry points."""
    return {
        short(file, root): len(file.read_text().splitlines())
        for file in python_files(root)
        if file.name not in ("__init__.py", "__main__.py")
    }


def long_files(root: Path) -> dict[str, int]:
    return {
        name: lines
        for name, lines in lengths(root).items()
        if lines > (MOST_LINES_OF_A_MODEL if name.startswith("models/") else LONG)
        if name not in LONG_FILES or lines > MOST_LINES
    }


def short_files(root: Path) -> dict[str, int]:
    return {
        name: lines
        for name, lines in lengths(root).items()
        if lines < SHORT and name not in SHORT_FILES and not name.endswith("_bridge.py")
    }


def stale_exceptions(root: Path) -> list[str]:
    """Files named above that are gone, or no longer need it."""
    now = lengths(root)
    return [name for name in LONG_FILES if now.get(name, 0) <= LONG] + [
        name for name in SHORT_FILES if now.get(name, SHORT) >= SHORT
    ]


def dumping_grounds(root: Path) -> list[str]:
    return [
        short(file, root)
        for file in python_files(root)
        if DUMPING_GROUNDS & {file.stem, *file.relative_to(root).parts}
    ]


def folders_without_docstring(root: Path) -> list[str]:
    """Folders whose ``__init__`` is missing, says nothing, or says more than ten lines."""
    folders = {file.parent for file in python_files(root)}
    return sorted(
        f"{folder.relative_to(root)}: {len(lines)} lines"
        for folder in folders
        if not 1 <= len(lines := _docstring(folder / "__init__.py")) <= LONGEST_DOCSTRING
    )


def _docstring(file: Path) -> list[str]:
    docstring = ast.get_docstring(parse(file)) if file.is_file() else None
    return (docstring or "").splitlines()


def test_every_file_was_found():
    found = len(python_files(ROOT))
    assert found == NUM_FILES, f"set NUM_FILES to {found} if you added or removed files of cnnlab/"


def test_most_files_hold_one_idea():
    low, high = MEDIAN
    filled = [lines for lines in lengths(ROOT).values() if lines > 3]
    assert low <= statistics.median(filled) <= high


def test_no_file_holds_two_ideas():
    assert_none(long_files(ROOT).items())


def test_no_file_holds_half_an_idea():
    assert_none(short_files(ROOT).items())


def test_exceptions_are_needed():
    assert_none(stale_exceptions(ROOT))


def test_no_dumping_ground():
    assert_none(dumping_grounds(ROOT))


def test_every_folder_has_a_docstring():
    assert_none(folders_without_docstring(ROOT))


def test_planted_sizes_are_found(tmp_path, monkeypatch):
    line = "x = 1\n"
    write_tree(
        tmp_path,
        {
            "cnnlab/models/long.py": line * 201,
            "cnnlab/models/fits.py": line * 200,
            "cnnlab/runs/long.py": line * 251,
            "cnnlab/runs/fits.py": line * 250,
            "cnnlab/runs/short.py": line * 29,
            "cnnlab/runs/short_bridge.py": line,
            "cnnlab/runs/__init__.py": line,
        },
    )
    assert long_files(tmp_path) == {"models/long.py": 201, "runs/long.py": 251}
    assert short_files(tmp_path) == {"runs/short.py": 29}
    monkeypatch.setitem(LONG_FILES, "runs/long.py", "a table")
    monkeypatch.setitem(LONG_FILES, "runs/fits.py", "a table")
    monkeypatch.setitem(SHORT_FILES, "runs/short.py", "one idea")
    assert set(long_files(tmp_path)) == {"models/long.py"}
    assert short_files(tmp_path) == {}
    exceptions = {"explain/eval_mode.py"}
    assert set(stale_exceptions(tmp_path)) == {"runs/fits.py", *exceptions}
    (tmp_path / "cnnlab/runs/long.py").write_text(line * 301)
    assert long_files(tmp_path)["runs/long.py"] == 301


def test_planted_dumping_grounds_are_found(tmp_path):
    names = ["cnnlab/utils.py", "cnnlab/runs/helpers.py", "cnnlab/common/a.py", "cnnlab/useful.py"]
    found = dumping_grounds(write_tree(tmp_path, dict.fromkeys(names, "")))
    assert found == ["common/a.py", "runs/helpers.py", "utils.py"]


def test_planted_folders_without_docstring_are_found(tmp_path):
    ten = '"""' + "line\n" * 10 + '"""'
    eleven = '"""' + "line\n" * 11 + '"""'
    files = {
        "cnnlab/__init__.py": ten,
        "cnnlab/runs/__init__.py": eleven,
        "cnnlab/data/__init__.py": "# nothing\n",
        "cnnlab/data/sets/mnist.py": "",
    }
    assert folders_without_docstring(write_tree(tmp_path, files)) == [
        "cnnlab/data/sets: 0 lines",
        "cnnlab/data: 0 lines",
        "cnnlab/runs: 11 lines",
    ]
