"""A component's source: the version of one of ours, a digest of the code of one of the user's.

The user's code is compared as it is parsed, without comments, docstrings and layout, and with it
every module that it imports from below its own top folder.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.registry import Entry

PACKAGE = __name__.partition(".")[0]
LIBRARIES = ("site-packages", "dist-packages")
UNREAD = ("kind", "type_comment")  # of parsed code: what makes no difference to the program


def is_ours(component: Callable[..., Any]) -> bool:
    """Whether a component is part of this package."""
    return component.__module__.partition(".")[0] == PACKAGE


def source_of(entry: Entry) -> str:
    """``v1`` for a component of this package, ``ast:`` and 12 hexadecimal digits for another.

    Empty when the component was typed into a session.
    """
    if is_ours(entry.component):
        return f"v{entry.version}"
    digests = sorted(_parsed(file).digest for file in code_files(entry.component))
    if not digests:
        return ""
    content = " ".join(digests if entry.version == 1 else [*digests, f"v{entry.version}"])
    return f"ast:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def code_files(component: Callable[..., Any]) -> set[Path]:
    """The file that defines a component and those that it imports, directly or not.

    Followed are imports, inside functions too, of what is in the folder that holds the
    component's top package or module; of an installed library, only its own. A module whose name
    is made while the program runs is not seen.
    """
    file = getattr(sys.modules.get(component.__module__), "__file__", None)
    if file is None:
        return set()
    start = Path(file).absolute()
    depth = component.__module__.count(".") + (start.name == "__init__.py")
    top = start.parents[min(depth, len(start.parents) - 1)]
    only = component.__module__.partition(".")[0] if top.name in LIBRARIES else None
    files: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            found = {path for name in _parsed(file).imports for path in name.files(file, top)}
            waiting += [path for path in found if _is_own(path, top, only)]
    return files


def _is_own(path: Path, top: Path, only: str | None) -> bool:
    """Whether a file below ``top`` is what its import loads, and not a namesake of a library's."""
    if not path.is_relative_to(top):
        return False
    name = path.relative_to(top).parts[0].removesuffix(".py")
    if name == PACKAGE or only not in (None, name):
        return False
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded is None:
        return name not in sys.stdlib_module_names
    return Path(loaded).absolute() in (top / f"{name}.py", top / name / "__init__.py")


@dataclass(frozen=True)
class _Import:
    """One import statement's module, and the names that are taken from it."""

    level: int  # of a relative import: its leading dots
    module: tuple[str, ...]
    names: tuple[str, ...] = ()
    packages: bool = False  # ``import a.b`` gives a as well

    def files(self, file: Path, top: Path) -> Iterator[Path]:
        """What exists of it, imported from ``file``."""
        folder = top
        if self.level:
            folder = file.parents[min(self.level, len(file.parents)) - 1]
        found = [_module_file(folder.joinpath(*self.module, name)) for name in self.names]
        if not found or None in found:  # the module itself, or a name in it
            found.append(_module_file(folder.joinpath(*self.module)))
        if self.packages:
            lengths = range(1, len(self.module))
            found += [_module_file(folder.joinpath(*self.module[:length])) for length in lengths]
        yield from (path for path in found if path is not None)


def _module_file(path: Path) -> Path | None:
    files = (path / "__init__.py", path.parent / f"{path.name}.py")
    return next((file for file in files if file.is_file()), None)


@dataclass(frozen=True)
class _Parsed:
    digest: str
    imports: tuple[_Import, ...]


def _parsed(file: Path) -> _Parsed:
    stat = file.stat()
    return _parse(file, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=1000)
def _parse(file: Path, _written: int, _size: int) -> _Parsed:
    content = file.read_bytes()
    try:
        tree = ast.parse(content)
    except SyntaxError:  # a file that is imported inside a function and was never loaded
        return _Parsed(hashlib.sha256(content).hexdigest(), ())
    digest = hashlib.sha256(repr(_code(tree)).encode()).hexdigest()
    return _Parsed(digest, tuple(_imports(tree)))


def _imports(tree: ast.Module) -> Iterator[_Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(0, tuple(alias.name.split(".")), packages=alias.asname is None)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            yield _Import(node.level, module, tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.Call) and node.args:
            function = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            name = node.args[0]
            by_name = getattr(function, "id", function) in ("import_module", "__import__")
            if by_name and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield _Import(0, tuple(name.value.split(".")), packages=True)


def _code(node: Any) -> Any:
    """A parsed file as nested tuples, alike in every version of Python.

    ``ast.dump`` is not: what it says of a class that has no type parameters changed twice.
    """
    if isinstance(node, list):
        return tuple(_code(item) for item in node if not _is_text(item))
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    kept = tuple((name, _code(value)) for name, value in fields if name not in UNREAD)
    return type(node).__name__, kept


def _is_text(node: Any) -> bool:
    """A docstring, or any other text that stands alone as a statement."""
    alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return alone and isinstance(node.value.value, str)
