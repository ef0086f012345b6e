"""Where packs are: ``packed`` in the folder of data sets, a file for each folder of pictures.

A pack is looked for by the folder and by what is stored of a picture; inside, a picture is known by
its name and by a fingerprint of its content, which is taken again where the file's size or times
have changed.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnlab.data.dataset import data_root
from cnnlab.data.packing.pack import find, pack
from cnnlab.data.packing.pack_file import Pack, Stored, is_pack, open_pack
from cnnlab.data.scan import Labelled, name_from, remember
from cnnlab.registry import CnnlabError

MANY = 1000  # pictures from which on they are packed when they are first used


def pack_path(root: Path, stored: Stored, subset: int | None = None) -> Path:
    """The pack of the pictures below a folder, or of those that a ``subset`` uses."""
    folder = os.path.realpath(root)
    key = hashlib.sha256(f"{folder}\n{stored}\n{subset}".encode(errors="surrogateescape"))
    kind = "" if stored.fit == "whole" else f"-{stored.fit}"
    name = f"{Path(folder).name}-{stored.size}{kind}-{key.hexdigest()[:8]}.pack"
    return data_root(None) / "packed" / name


def named_files(files: Iterable[Path], root: Path) -> dict[str, Path]:
    """Files by their names below the folder."""
    return {name_from(root, file): file for file in files}


def packed(
    parts: Mapping[str, Labelled], root: Path, stored: Stored, *, subset: int | None
) -> Pack:
    """The pack that holds the pictures of all parts; made if there is none.

    Pictures that cannot be read are recorded in it.

    Raises:
        CnnlabError: the disk is full, or cannot be written.
    """
    files = named_files((path for part in parts.values() for path, _ in part), root)
    whole = pack_path(root, stored)
    found = find(whole, files, stored)
    if found is not None:
        return found
    path = whole if subset is None else pack_path(root, stored, subset)
    return pack(files, stored, path, skip_broken=True)


def recall_fingerprints(root: Path, stored: Stored, subset: int | None = None) -> None:
    """Know the fingerprints in a folder's packs, so that unchanged files are not read again."""
    for path in {pack_path(root, stored), pack_path(root, stored, subset)}:
        try:
            found = open_pack(path)
        except (OSError, CnnlabError):  # packed again where it is used
            continue
        columns = zip(found.names, found.stamps.tolist(), found.fingerprints, strict=True)
        for name, stamp, fingerprint in columns:
            remember(root / name, tuple(stamp), fingerprint)


def out_file(out: Path) -> Path:
    """The file that ``--out`` names.

    Raises:
        CnnlabError: no file can be there, or one is that is no pack.
    """
    target = Path(os.path.expanduser(out)).absolute()
    if target.is_dir() or not target.parent.is_dir():
        raise CnnlabError(f"--out {out}: give a file in a folder that exists")
    if target.exists() and not is_pack(target):
        raise CnnlabError(f"--out {out}: that file is no pack; give a new one, or a pack")
    return target


def move_pack(path: Path, target: Path) -> None:
    """Move a finished pack from the folder of packs, if it is there, to a file that is not yet.

    Raises:
        CnnlabError: it cannot be; it is then where it was.
    """
    if not path.is_file() or path.is_symlink() or target.exists():
        return
    part = target.with_name(f"{target.name}.part")
    try:
        shutil.move(path, part)  # to another disk it is copied
        os.replace(part, target)
    except OSError as error:
        if path.exists():
            part.unlink(missing_ok=True)
        raise CnnlabError(f"cannot move {path} to {target} ({error.strerror})") from None
    link_to(target, path)


def link_to(target: Path, path: Path) -> None:
    """Have the finished pack ``target`` be found at ``path``, in the place of what is there.

    Raises:
        CnnlabError: no link can be there.
    """
    if os.path.realpath(path) == os.path.realpath(target):
        return
    link = path.with_name(f"{path.name}.link")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        os.replace(link, path)
    except OSError as error:
        raise CnnlabError(f"cannot link {path} to {target} ({error.strerror})") from None
