"""Every file lies in a room, and imports point one way."""

import ast
import functools
import itertools
import sys
from collections.abc import Hashable, Mapping
from pathlib import Path

import pytest
from source_tree import (
    ROOT,
    assert_none,
    dynamic_imports,
    folder_of,
    import_graph,
    imported_names,
    parse,
    python_files,
    room_of,
    short,
    write_tree,
)

# The rooms, and the loose files, floor by floor. A new one needs its place here and a line below.
FLOORS: tuple[set[str], ...] = (
    {"text", "terminal", "spec", "registry", "metrics", "task", "discovery"},
    {"config", "models", "data", "explain"},
    {"runs"},
    {"inference", "compare", "training"},
    {"sweep"},
    {"bench"},
    {"app"},
    {"__init__", "__main__"},  # the Python API, and `python -m cnnlab`
)

# What of ours each of them may import, itself aside.
MAY_IMPORT: dict[str, set[str]] = {
    "text": set(),
    "terminal": set(),
    "spec": set(),
    "registry": {"text"},
    "metrics": {"registry", "text"},
    "task": {"metrics", "registry", "spec", "text"},
    "discovery": {"registry"},
    "config": {"metrics", "registry", "spec", "task", "text"},
    "models": {"registry", "spec"},
    "data": {"registry", "spec", "text"},
    "explain": {"registry", "spec", "text"},
    "runs": {*FLOORS[0], "config", "data", "explain"},
    "inference": {*FLOORS[0], "config", "data", "explain", "runs"},
    "compare": {*FLOORS[0], "config", "runs"},
    "training": {*FLOORS[0], "config", "data", "explain", "runs"},
    "sweep": {*FLOORS[0], "config", "data", "explain", "runs", *FLOORS[3]},
    "bench": {*FLOORS[0], "config", "data", "explain", "runs", "training", "sweep"},
    "app": set.union(*FLOORS[:6]),
    "__init__": set.union(*FLOORS[:7]),
    "__main__": {"app"},
}

# The same for folders within a room; a folder that is not named may import its whole room.
FOLDERS: dict[str, set[str]] = {
    "data": {"data/loading"},  # dataset.py names the augmentation; __init__ imports every set
    "data/loading": {"data"},
    "data/files": set(),
    "data/sets": {"data", "data/files", "data/loading"},
    "explain": set(),
    "explain/trace": {"explain"},
    "explain/layers": {"explain", "explain/trace"},
    "explain/convolution": {"explain/layers", "explain/trace"},
    "explain/pictures": {"explain", "explain/trace"},
    "explain/page": {"explain", "explain/pictures", "explain/trace"},
    "models": set(),
    "models/stack": {"models"},
    "sweep": set(),
    "sweep/launchers": {"sweep"},
    "sweep/plan": {"sweep"},
    "sweep/search": {"sweep", "sweep/launchers"},
}

MOST_FLOORS = 8
MOST_LOOSE_FILES = 9
# Modules whose names are put together at run time: whatever registers a component.
MAY_IMPORT_BY_NAME = {
    "__init__.py",
    "discovery.py",
    "models/__init__.py",
    "data/__init__.py",
    "data/augmentations/__init__.py",
    "training/tasks/__init__.py",
}

# Whole libraries that belong to some rooms or files alone.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "hydra": ("app/", "sweep/search/space.py"),
    "omegaconf": ("app/", "sweep/search/space.py"),
    "lightning": ("training/", "sweep/", "bench/", "data/loading/datamodule.py"),
    "optuna": ("sweep/search/",),
    "joblib": ("sweep/launchers/",),
    "ray": ("sweep/launchers/",),
    "submitit": ("sweep/launchers/",),
    "typer": ("app/",),
    "timm": ("models/",),
}
MODELS_MAY_IMPORT = {"torch", "torchvision", "timm", "cnnlab"}


def files_without_a_room(root: Path) -> list[str]:
    return [
        short(file, root) for file in python_files(root) if room_of(file, root) not in MAY_IMPORT
    ]


def empty_rooms(root: Path) -> list[str]:
    """Rooms with stated imports that are not there."""
    return sorted(set(MAY_IMPORT) - {room_of(file, root) for file in python_files(root)})


def loose_files(root: Path) -> list[str]:
    return [file.name for file in python_files(root) if file.parent == root / "cnnlab"]


def forbidden_imports(root: Path) -> list[str]:
    """Imports of one room from another that are not stated above."""
    return sorted(
        f"{short(file, root)} imports {short(other, root)}"
        for file, others in import_graph(root).items()
        for other in others
        if (own := room_of(file, root)) in MAY_IMPORT
        and room_of(other, root) not in {own, *MAY_IMPORT[own]}
    )


def forbidden_folder_imports(root: Path) -> list[str]:
    """Imports of one folder from another of the same room that are not stated above."""
    found = []
    for file, others in import_graph(root).items():
        own = folder_of(file, root)
        for other in others:
            their = folder_of(other, root)
            if file.stem == "__init__" or own == their or own not in FOLDERS:
                continue
            if room_of(file, root) == room_of(other, root) and their not in FOLDERS[own]:
                found.append(f"{short(file, root)} imports {short(other, root)}")
    return sorted(found)


def statements_that_point_up() -> list[str]:
    """Stated imports of a room on the same floor or a higher one; the lowest is one-way by file."""
    level = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    return [
        f"{room} may import {other}"
        for room, others in MAY_IMPORT.items()
        for other in others
        if level[other] >= level[room] > 0 or (other in FLOORS[0] and room in MAY_IMPORT[other])
    ]


def height(root: Path) -> int:
    """Of the longest chain of imports from room to room, in rooms.

    Raises:
        RecursionError: the rooms import in a circle.
    """
    rooms = room_graph(root)

    @functools.cache
    def floor(room: str) -> int:
        return 1 + max((floor(other) for other in rooms.get(room, ())), default=0)

    return max(map(floor, rooms))


def eager_imports_of_the_api(root: Path) -> list[str]:
    """What ``import cnnlab`` itself brings in of ours, but for the error that it shows to all."""
    return [
        f"__init__.py:{node.lineno}"
        for node in parse(root / "cnnlab" / "__init__.py").body
        if isinstance(node, ast.Import | ast.ImportFrom)
        if ast.unparse(node) != "from cnnlab.registry import CnnlabError"
        if "cnnlab" in ast.unparse(node)
    ]


def circles(graph: Mapping[Hashable, set]) -> list[set]:
    """The sets of nodes of which each reaches every other (Tarjan 1972's components)."""
    reached: dict[Hashable, set] = {}
    for start in graph:
        seen: set = set()
        waiting = list(graph[start])
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += graph.get(node, ())
        reached[start] = seen
    components = [
        frozenset(other for other in seen if node in reached.get(other, ()))
        for node, seen in reached.items()
        if node in seen
    ]
    return [set(component) for component in dict.fromkeys(components)]


def room_graph(root: Path) -> dict[str, set[str]]:
    """What each room and loose file imports; the two doors, above them all, are left out."""
    rooms: dict[str, set[str]] = {}
    for file, others in import_graph(root).items():
        own = room_of(file, root)
        imported = {room_of(other, root) for other in others} - {own}
        rooms.setdefault(own, set()).update(imported)
    rooms.pop("__init__", None)
    rooms.pop("__main__", None)
    return rooms


def circles_between_rooms(root: Path) -> list[set[str]]:
    return circles(room_graph(root))


def circles_between_files(root: Path) -> list[set[str]]:
    return [{short(file, root) for file in circle} for circle in circles(import_graph(root))]


def relative_imports(root: Path) -> list[str]:
    """A relative import says less of where it leads, and the rules above do not follow it."""
    return [
        f"{short(file, root)}:{line}"
        for file in python_files(root)
        for line, name in imported_names(file)
        if name.startswith(".")
    ]


def imports_by_name(root: Path) -> list[str]:
    return [
        f"{short(file, root)}:{line}"
        for file in python_files(root)
        if short(file, root) not in MAY_IMPORT_BY_NAME
        for line in dynamic_imports(file)
    ]


def private_imports(root: Path) -> list[str]:
    """Names with a leading underscore that one file takes from another."""
    return [
        f"{short(file, root)}:{node.lineno} {alias.name}"
        for file in python_files(root)
        for node in ast.walk(parse(file))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cnnlab")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]


def misplaced_libraries(root: Path) -> list[str]:
    """Files that import a library which belongs elsewhere."""
    return sorted(
        f"{short(file, root)} imports {library}"
        for file in python_files(root)
        for library in {name.split(".")[0] for _, name in imported_names(file)} & set(LIBRARIES)
        if not short(file, root).startswith(LIBRARIES[library])
    )


def what_models_import(root: Path) -> list[str]:
    return sorted(
        f"{short(file, root)} imports {library}"
        for file in python_files(root)
        if room_of(file, root) == "models"
        for library in {name.split(".")[0] for _, name in imported_names(file)}
        if library not in MODELS_MAY_IMPORT | set(sys.stdlib_module_names)
    )


def test_every_file_lies_in_a_room_with_stated_imports():
    assert_none(files_without_a_room(ROOT))


def test_every_stated_room_is_there():
    assert_none(empty_rooms(ROOT))


def test_few_files_lie_loose():
    assert len(loose_files(ROOT)) <= MOST_LOOSE_FILES, loose_files(ROOT)


def test_rooms_import_what_is_stated():
    assert_none(forbidden_imports(ROOT))


def test_folders_of_a_room_import_what_is_stated():
    assert_none(forbidden_folder_imports(ROOT))


def test_imports_point_down_at_most_eight_floors():
    assert sorted(set.union(*FLOORS)) == sorted(MAY_IMPORT)
    assert len(FLOORS) <= MOST_FLOORS
    assert_none(statements_that_point_up())
    assert height(ROOT) <= MOST_FLOORS


def test_importing_the_package_imports_nothing_else():
    assert_none(eager_imports_of_the_api(ROOT))


@pytest.mark.parametrize("rule", [circles_between_rooms, circles_between_files])
def test_nothing_imports_in_a_circle(rule):
    assert_none(rule(ROOT))


@pytest.mark.parametrize("rule", [relative_imports, imports_by_name, private_imports])
def test_imports_say_what_they_import(rule):
    assert_none(rule(ROOT))


def test_libraries_stay_in_their_rooms():
    assert_none(misplaced_libraries(ROOT))


def test_models_import_torch_and_each_other():
    assert_none(what_models_import(ROOT))


IN_FUNCTION = "def f():\n    from cnnlab.app import cli\n"
FOR_TYPES = (
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cnnlab.app.cli import main\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "import cnnlab.app.cli\n",
        "from cnnlab.app.cli import main\n",
        "from cnnlab.app import cli as terminal\n",
        "from cnnlab import app\n",
        "import importlib\nimportlib.import_module('cnnlab.app.cli')\n",
        IN_FUNCTION,
        FOR_TYPES,
    ],
)
def test_planted_imports_of_a_higher_room_are_found(tmp_path, text):
    files = {"cnnlab/runs/claim.py": text, "cnnlab/app/cli.py": "", "cnnlab/app/__init__.py": ""}
    (found,) = forbidden_imports(write_tree(tmp_path, files))
    assert found.startswith("runs/claim.py imports app/")


def test_planted_files_in_no_room_are_found(tmp_path):
    files = {"cnnlab/attic/box.py": "", "cnnlab/loose.py": "", "cnnlab/runs/claim.py": ""}
    assert files_without_a_room(write_tree(tmp_path, files)) == ["attic/box.py", "loose.py"]
    assert loose_files(tmp_path) == ["loose.py"]
    assert empty_rooms(tmp_path) == sorted(set(MAY_IMPORT) - {"runs"})


def test_planted_circles_are_found(tmp_path):
    write_tree(
        tmp_path,
        {
            "cnnlab/runs/claim.py": "from cnnlab.compare.table import show",
            "cnnlab/compare/table.py": "import cnnlab.inference.load",
            "cnnlab/inference/load.py": "def f():\n    import cnnlab.runs.status",
            "cnnlab/runs/status.py": "",
            "cnnlab/text.py": "",
            "cnnlab/spec.py": "import cnnlab.text",
        },
    )
    assert circles_between_rooms(tmp_path) == [{"runs", "compare", "inference"}]
    assert circles_between_files(tmp_path) == []
    (tmp_path / "cnnlab/text.py").write_text("import cnnlab.spec")
    assert circles_between_files(tmp_path) == [{"spec.py", "text.py"}]


def test_planted_statements_that_point_up_are_found(monkeypatch):
    monkeypatch.setitem(MAY_IMPORT, "runs", {"spec", "training"})
    monkeypatch.setitem(MAY_IMPORT, "text", {"registry"})
    found = {"runs may import training", "text may import registry", "registry may import text"}
    assert set(statements_that_point_up()) == found


def test_planted_floors_are_counted(tmp_path):
    chain = ["spec", "registry", "data", "runs"]
    files = {f"cnnlab/{chain[0]}.py": ""}
    files |= {
        f"cnnlab/{upper}.py": f"def f():\n    import cnnlab.{lower}"
        for lower, upper in itertools.pairwise(chain)
    }
    assert height(write_tree(tmp_path, files)) == 4
    (tmp_path / "cnnlab/spec.py").write_text("import cnnlab.runs")
    with pytest.raises(RecursionError):
        height(tmp_path)


def test_planted_eager_imports_are_found(tmp_path):
    text = "import os\nfrom cnnlab.registry import CnnlabError\nfrom cnnlab.app import train\n"
    assert eager_imports_of_the_api(write_tree(tmp_path, {"cnnlab/__init__.py": text})) == [
        "__init__.py:3"
    ]


def test_planted_imports_between_folders_are_found(tmp_path):
    files = {
        "cnnlab/sweep/search/study.py": "import cnnlab.sweep.execute",
        "cnnlab/sweep/launchers/gpus.py": "from cnnlab.sweep.search.study import open_study",
        "cnnlab/sweep/execute.py": "",
    }
    found = forbidden_folder_imports(write_tree(tmp_path, files))
    assert found == ["sweep/launchers/gpus.py imports sweep/search/study.py"]


def test_planted_obscure_imports_are_found(tmp_path):
    text = "from . import load\nfrom ..runs import claim\nfrom importlib import import_module\n"
    text += "import_module(f'cnnlab.{name}')\nfrom cnnlab.runs.claim import _lock\n"
    write_tree(tmp_path, {"cnnlab/inference/evaluate.py": text})
    assert relative_imports(tmp_path) == ["inference/evaluate.py:1", "inference/evaluate.py:2"]
    assert imports_by_name(tmp_path) == ["inference/evaluate.py:4"]
    assert private_imports(tmp_path) == ["inference/evaluate.py:5 _lock"]


def test_planted_libraries_are_found(tmp_path):
    files = {
        "cnnlab/runs/claim.py": "def f():\n    from hydra.core import utils\n    import omegaconf",
        "cnnlab/app/cli.py": "import hydra, omegaconf",
        "cnnlab/sweep/search/space.py": "import hydra",
        "cnnlab/models/mlp.py": "import math\nimport numpy\nimport torchvision\n",
    }
    found = misplaced_libraries(write_tree(tmp_path, files))
    assert found == ["runs/claim.py imports hydra", "runs/claim.py imports omegaconf"]
    assert what_models_import(tmp_path) == ["models/mlp.py imports numpy"]
