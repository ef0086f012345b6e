"""The cache of names: a file per environment, remade when a source of the names has changed.

Nothing heavy is imported while it is fresh, so that a TAB is answered at once.
"""

import contextlib
import json
import os
import sys
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_FILES = 20  # the user's own modules have one for each folder that they are used in
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load_names(imports: Sequence[str] = ()) -> Mapping[str, Any]:
    """The names of all that is registered once ``imports`` are, too; see ``names.collect``.

    Modules that cannot be imported are left out, and nothing is then kept.
    """
    named = [name for name in os.environ.get("CNNLAB_IMPORT", "").split(",") if name.strip()]
    modules = list(dict.fromkeys(name.strip() for name in (*named, *imports)))
    key = [PACKAGE, sys.prefix, sys.version, *([os.getcwd(), *modules] if modules else [])]
    file = os.path.join(_folder(), f"{zlib.crc32(repr(key).encode()):08x}.json")
    kept = _read(file)
    if kept is not None and kept["key"] == key and _are_fresh(kept["sources"]):
        names: Mapping[str, Any] = kept["names"]
        return names
    started = time.time_ns()
    with contextlib.redirect_stdout(sys.stderr):  # what the user's own module prints
        complete = _discover(modules)
        from cnnlab.app.names import collect

        names = collect()
        sources = {path: _stamp(path) for path in _sources(modules)}
    if complete and not any(_is_newer(path, started) for path in sources):
        _write(file, {"key": key, "sources": sources, "names": names})
    return names


def _folder() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "cnnlab", "completion")


def _read(file: str) -> Any:
    """What was kept; None where nothing was, or it cannot be read."""
    try:
        with open(file, encoding="utf-8") as text:
            kept = json.load(text)
    except (OSError, ValueError):
        return None
    whole = isinstance(kept, dict) and isinstance(kept.get("sources"), dict)
    return kept if whole and {"key", "names"} <= kept.keys() else None


def _write(file: str, kept: Mapping[str, Any]) -> None:
    """Keep it where that is possible, and the newest others."""
    from pathlib import Path

    from cnnlab.runs.durable import write_text

    with contextlib.suppress(OSError):
        folder = Path(file).parent
        folder.mkdir(parents=True, exist_ok=True)
        write_text(Path(file), json.dumps(kept), sync_file=False)
        others = sorted(folder.glob("*.json"), key=lambda other: other.stat().st_mtime)
        for other in others[:-MOST_FILES]:
            other.unlink()


def _discover(modules: Sequence[str]) -> bool:
    """Register all components; whether all ``modules`` could be imported."""
    from cnnlab.discovery import discover

    try:
        discover(modules)
    except Exception as error:  # whatever the user's file raises while it is being written
        print(error, file=sys.stderr)
        return False
    return True


def _sources(modules: Iterable[str]) -> set[str]:
    """The files and folders that the names depend on.

    All loaded modules but those of Python and of installed packages, for which stand their folders,
    and the files that ``modules`` may come from once they are there.
    """
    found = {path for path in sys.path if path.endswith("-packages") and os.path.isdir(path)}
    for name in modules:
        path = os.path.join(os.getcwd(), *name.split("."))
        found |= {f"{path}.py", os.path.join(path, "__init__.py")}
    standard = os.path.dirname(os.__file__)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is None or not os.path.isabs(file):
            continue
        ours = file.startswith(PACKAGE + os.sep)
        if ours or not (file.startswith(standard + os.sep) or f"-packages{os.sep}" in file):
            found.add(file)
            if os.path.basename(file) == "__init__.py":
                found.add(os.path.dirname(file))
    return found


def _stamp(path: str) -> list[Any] | None:
    """What changes with the file or folder; None where there is none.

    Of a package's folder its modules, so that other files beside them do not count.
    """
    try:
        status = os.stat(path)
        if os.path.isdir(path) and not path.endswith("-packages"):
            return sorted(name for name in os.listdir(path) if name.endswith(".py"))
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]


def _are_fresh(sources: Mapping[str, Any]) -> bool:
    return all(_stamp(path) == stamp for path, stamp in sources.items())


def _is_newer(path: str, moment: int) -> bool:
    """Whether it was changed after ``moment``, perhaps after it had been read."""
    try:
        return os.stat(path).st_mtime_ns > moment and not os.path.isdir(path)
    except OSError:
        return False
