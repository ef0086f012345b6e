"""The folder of a job's run: found by its identity, whatever its name."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnlab.runs.identity import Identity
from cnnlab.runs.run_dir import RunDir

_NAME = re.compile(r".*-[0-9a-f]{8}")  # not those that end in -2: trained again beside another
_KNOWN: dict[Path, dict[str, dict[str, Any]]] = {}  # what was read of each folder


def run_dir_for(folder: Path, name: str, identity: Identity, *, rerun: bool = False) -> RunDir:
    """The folder of a job: the one that bears its identity, else a new one (not yet made).

    With ``rerun``, the first free ``-2``, ``-3``, ... beside it.
    """
    found = sorted(folder.glob(f"*-{identity.key}")) or _recognised(folder, identity)
    if not found:
        return RunDir(folder / f"{name}-{identity.key}")
    if not rerun:
        return RunDir(found[0])
    count = 2
    while Path(f"{found[0]}-{count}").exists():
        count += 1
    return RunDir(f"{found[0]}-{count}")


def outdated(run: RunDir, identity: Identity) -> list[tuple[RunDir, str]]:
    """Runs of the same config beside ``run`` of which a component has since changed, and which."""
    folder = run.path.parent
    return [
        (RunDir(folder / name), kind)
        for name, past in _identities(folder).items()
        for kind in identity.differences(past) or ()
    ]


def _recognised(folder: Path, identity: Identity) -> list[Path]:
    """Runs with this identity whose folders' names end in the key that an earlier edition made."""
    return sorted(
        folder / name
        for name, past in _identities(folder).items()
        if _NAME.fullmatch(name) and identity.differences(past) == []
    )


def _identities(folder: Path) -> Mapping[str, dict[str, Any]]:
    """The identity of each run in a folder, by name; a sweep of many reads each status.json once.

    A run keeps its identity as long as it is there, but for that of an earlier edition, which
    becomes the present one of the same run when it is continued.
    """
    place = folder.absolute()
    known, now = _KNOWN.get(place, {}), {}
    for name in sorted(os.listdir(place)) if place.is_dir() else ():
        identity = known.get(name) or RunDir(place / name).status().get("identity")
        if identity:
            now[name] = identity
    _KNOWN[place] = now
    return now
