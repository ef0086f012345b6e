"""Imports say what they import, and a library belongs to some rooms."""

import ast
import sys
from pathlib import Path

import pytest
from source_tree import (
    ROOT,
    assert_none,
    dynamic_imports,
    imported_names,
    parse,
    python_files,
    room_of,
    short,
    write_tree,
)

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


@pytest.mark.parametrize("rule", [relative_imports, imports_by_name, private_imports])
def test_imports_say_what_they_import(rule):
    assert_none(rule(ROOT))


def test_libraries_stay_in_their_rooms():
    assert_none(misplaced_libraries(ROOT))


def test_models_import_torch_and_each_other():
    assert_none(what_models_import(ROOT))


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
