"""A source tree as the house rules see it: files, rooms and imports, below any root.

A rule takes the root as its argument, so that it can be shown a tree with a planted fault.
"""

import ast
import functools
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python_files(root: Path) -> list[Path]:
    """The files of the package below ``root``."""
    return sorted((root / "cnnlab").rglob("*.py"))


def plugin_files(root: Path) -> list[Path]:
    """The files that Hydra finds by their place."""
    return sorted((root / "hydra_plugins").rglob("*.py"))


def short(file: Path, root: Path) -> str:
    """``training/run.py`` for a file of the package, else its path below ``root``."""
    return file.relative_to(root).as_posix().removeprefix("cnnlab/")


def parse(file: Path) -> ast.Module:
    return _parsed(file.read_text(encoding="utf-8"), str(file))


@functools.cache
def _parsed(text: str, name: str) -> ast.Module:
    return ast.parse(text, name)


def module_name(file: Path, root: Path) -> str:
    """``cnnlab.training.run``; a package has the name of its folder."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_files(root: Path) -> dict[str, Path]:
    return {module_name(file, root): file for file in python_files(root)}


def room_of(file: Path, root: Path) -> str:
    """``training``; a loose file is a room of its own: ``spec``, ``__init__``."""
    first = file.relative_to(root / "cnnlab").parts[0]
    return first.removesuffix(".py")


def folder_of(file: Path, root: Path) -> str:
    """``sweep/search`` for a file in it; a loose file is its own: ``spec``."""
    inside = file.relative_to(root / "cnnlab")
    return inside.parent.as_posix() if len(inside.parts) > 1 else inside.stem


def imported_names(file: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import.

    Also of those within functions, under TYPE_CHECKING, and by ``import_module`` of a literal.
    """
    yield from _imports(parse(file))


@functools.cache
def _imports(tree: ast.Module) -> tuple[tuple[int, str], ...]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            found += [(node.lineno, f"{start}.{alias.name}") for alias in node.names]
        elif _is_import_module(node) and isinstance(node.args[0], ast.Constant):
            found.append((node.lineno, str(node.args[0].value)))
    return tuple(found)


def dynamic_imports(file: Path) -> list[int]:
    """Lines that import a module whose name is put together at run time."""
    return [
        node.lineno
        for node in ast.walk(parse(file))
        if _is_import_module(node) and not isinstance(node.args[0], ast.Constant)
    ]


def _is_import_module(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("importlib.import_module", "import_module", "__import__")
        and bool(node.args)
    )


def import_graph(root: Path) -> dict[Path, set[Path]]:
    """Every file of the package, and the files of the package that it imports."""
    modules = module_files(root)
    graph: dict[Path, set[Path]] = {}
    for file in modules.values():
        graph[file] = set()
        for _, name in imported_names(file):
            while name.startswith("cnnlab.") and name not in modules:
                name = name.rpartition(".")[0]
            if name in modules and modules[name] != file:
                graph[file].add(modules[name])
    return graph


def libraries(file: Path) -> set[str]:
    """The top names of everything that a file imports."""
    return {name.split(".")[0] for _, name in imported_names(file)}


def assert_none(found: Collection[object]) -> None:
    """Fail with one line for each fault that a rule found."""
    if found:
        raise AssertionError("\n".join(["", *map(str, found)]))


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """A tree with these files, for a planted fault."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
