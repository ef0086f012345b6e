"""Private names of the libraries below us are used in one file per library, and tested there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from source_tree import (
    ROOT,
    assert_none,
    imported_names,
    parse,
    plugin_files,
    python_files,
    short,
    write_tree,
)

# library -> the one file that may use its private names
BRIDGES = {
    "hydra": "app/hydra_bridge.py",
    "omegaconf": "app/hydra_bridge.py",
    "lightning": "training/lightning_bridge.py",
    "optuna": "sweep/search/optuna_bridge.py",
    "torch": "explain/trace/torch_bridge.py",
    "joblib": "sweep/launchers/with_joblib.py",
}
PRIVATE_WITHOUT_UNDERSCORE = ("joblib.externals",)  # its own copies of other libraries
PUBLIC_IN_SPITE_OF_UNDERSCORE = {"os._exit"}  # documented by Python


def private_imports(file: Path) -> Iterator[tuple[int, str]]:
    """Modules and names of these libraries that begin with an underscore, imported."""
    for line, name in imported_names(file):
        parts = name.split(".")
        if parts[0] not in BRIDGES:
            continue
        if any(map(_is_private, parts)) or name.startswith(PRIVATE_WITHOUT_UNDERSCORE):
            yield line, name


def private_attributes(file: Path, ours: set[str]) -> Iterator[tuple[int, str]]:
    """``something._name``, and ``getattr(something, "_name")``, of what is not ours.

    Ours is what this file defines as a method, an attribute of self or cls, or a variable; and of
    self and cls what any file of the package defines so, since a base class may lie elsewhere.
    """
    tree = parse(file)
    own = set(names_defined(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name, owner = node.attr, ast.unparse(node.value)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr")
            and isinstance(node.args[1], ast.Constant)
        ):
            name, owner = str(node.args[1].value), ast.unparse(node.args[0])
        else:
            continue
        said = f"{owner}.{name}"
        known = own | ours if owner in ("self", "cls") else own
        if _is_private(name) and name not in known and said not in PUBLIC_IN_SPITE_OF_UNDERSCORE:
            yield node.lineno, said


def _is_private(name: str) -> bool:
    return re.fullmatch(r"_(?!_).*(?<!__)", name) is not None


def names_defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) in ("self", "cls")
        ):
            yield node.attr


def private_uses(root: Path) -> list[str]:
    """Every use of a private name outside the bridge of its library."""
    files = [*python_files(root), *plugin_files(root)]
    ours = {name for file in files for name in names_defined(parse(file))}
    found = []
    for file in files:
        where = short(file, root)
        for line, name in private_imports(file):
            if where != BRIDGES[name.split(".")[0]]:
                found.append(f"{where}:{line} {name}")
        if where not in BRIDGES.values():
            found += [f"{where}:{line} {name}" for line, name in private_attributes(file, ours)]
    return found


def bridges_missing(root: Path) -> list[str]:
    return sorted({file for file in BRIDGES.values() if not (root / "cnnlab" / file).is_file()})


def bridges_without_tests(root: Path) -> list[str]:
    """Bridges whose private names no test of their own watches."""
    return sorted(
        f"{file} needs {test}"
        for file in set(BRIDGES.values())
        if (root / "cnnlab" / file).is_file()
        if not (root / (test := f"tests/{Path(file).parent}/test_{Path(file).name}")).is_file()
    )


@pytest.mark.parametrize("rule", [private_uses, bridges_missing, bridges_without_tests])
def test_private_names_stay_in_their_bridges(rule):
    assert_none(rule(ROOT))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from hydra._internal.hydra import Hydra", "hydra._internal.hydra.Hydra"),
        ("import torch.utils._pytree", "torch.utils._pytree"),
        ("def f():\n    from torch.nn import _reduction", "torch.nn._reduction"),
        ("from joblib.externals.loky import backend", "joblib.externals.loky.backend"),
        ("import torch\ntorch._dynamo.reset()", "torch._dynamo"),
        ("study._storage.set(trial._trial_id)", "study._storage"),
        ("getattr(trainer, '_checkpoint_connector')", "trainer._checkpoint_connector"),
        ("trainer.loop._batches = 3", "trainer.loop._batches"),
        ("class A(B):\n    def f(self):\n        return self._of_b", "self._of_b"),
    ],
)
def test_planted_private_names_are_found(tmp_path, text, name):
    write_tree(tmp_path, {"cnnlab/runs/claim.py": text})
    assert any(said.endswith(f" {name}") for said in private_uses(tmp_path))


def test_a_bridge_may_use_the_private_names_of_its_library_alone(tmp_path):
    text = "import torch._dynamo\nimport optuna._imports\nstudy._storage"
    write_tree(tmp_path, {"cnnlab/sweep/search/optuna_bridge.py": text})
    assert private_uses(tmp_path) == ["sweep/search/optuna_bridge.py:1 torch._dynamo"]
    assert bridges_without_tests(tmp_path) == [
        "sweep/search/optuna_bridge.py needs tests/sweep/search/test_optuna_bridge.py"
    ]
    assert len(bridges_missing(tmp_path)) == 4


def test_our_own_private_names_are_ours(tmp_path):
    text = """
import os
class Field:
    def __init__(self):
        self._width = 1
    @property
    def _simple(self):
        return replace(self)._simple._width + os._exit(1) + self.__class__.__name__
"""
    derived = "class Part(Field):\n    def half(self):\n        return self._width / 2"
    write_tree(tmp_path, {"cnnlab/explain/field.py": text, "cnnlab/explain/part.py": derived})
    assert private_uses(tmp_path) == []
