"""``cnnlab pack``: decode a folder of pictures once, into a file that is mapped into memory.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cnnlab.registry import CnnlabError

if TYPE_CHECKING:
    from cnnlab.data.packing.pack_file import Stored

PLAIN = re.compile(r"[\w./~-]+")  # a folder that is no other word in an override


def pack(
    folder: Annotated[
        Path, typer.Argument(help="Pictures, as data.root of data=folder or data=imagenet.")
    ],
    size: Annotated[
        int, typer.Option(min=8, help="Resize the shorter side to this many pixels.")
    ] = 256,
    channels: Annotated[Literal["3", "1"], typer.Option(help="3 for colour, 1 for grey.")] = "3",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write [default: in $CNNLAB_DATA/packed]."),
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave out pictures that cannot be read.")
    ] = False,
) -> None:
    """Decode photographs once, into a file to train from.

    cnnlab pack photos --size 256

    data=folder and data=imagenet use it with random crops of 7/8 of the size (224 for 256), or with
    data.resize=256. After a kill, or where pictures have changed, the same command decodes those
    that are missing; where all are there, it checks them.
    """
    from cnnlab.data.packing.cache import link_to, move_pack, named_files, out_file, pack_path
    from cnnlab.data.packing.pack import BrokenPicturesError, find, readable_now
    from cnnlab.data.packing.pack import pack as write
    from cnnlab.data.packing.pack_file import Stored
    from cnnlab.data.scan import list_pictures, refuse_unreadable
    from cnnlab.text import plural

    root = Path(os.path.expanduser(folder))
    if not root.is_dir():
        raise CnnlabError(f"{folder}: no such folder")
    stored = Stored("whole", size, 3 if channels == "3" else 1)
    try:
        with refuse_unreadable(root):
            files = named_files(list_pictures(root).pictures, root)
    except ValueError as error:
        raise CnnlabError(str(error)) from error
    if not files:
        raise CnnlabError(f"{folder}: no pictures in it or below it")
    path = pack_path(root, stored)
    target = path if out is None else out_file(out)
    move_pack(path, target)
    found = find(target, files, stored)
    damaged = [] if found is None else found.damaged()
    for name in damaged:
        print(f"damaged in the pack: {name}", file=sys.stderr)
    if found is not None:
        damaged += readable_now(found, files)
    try:
        done = write(files, stored, target, skip_broken=skip_broken, damaged=damaged)
    except BrokenPicturesError as error:
        for name, reason in error.broken.items():
            print(f"cannot be read: {root / name} ({reason})", file=sys.stderr)
        raise
    link_to(target, path)
    left_out = [name for name in files if name in done.broken]
    for name in left_out:
        print(f"left out: {root / name} ({done.broken[name]})", file=sys.stderr)
    state = "packed" if found is None or damaged else "packed already, and as they were written"
    gigabytes = done.path.stat().st_size / 1e9
    count = plural(len(files) - len(left_out), "picture")
    print(f"{count} {state}: {stored}; {gigabytes:,.2f} GB")
    print(done.path)
    print(f"used by {_words(folder, stored, crops=True)}")
    print(f"or without crops by {_words(folder, stored, crops=False)}")


def _words(folder: Path, stored: "Stored", *, crops: bool) -> str:
    """The options of data=folder that use a pack, quoted as in a shell."""
    from cnnlab.app.overrides import quote
    from cnnlab.data.sets.folder import shorter_side

    root, crop = str(folder), round(stored.size * 7 / 8)
    words = [f"data.root={root if PLAIN.fullmatch(root) else quote(root)}", f"data.size={crop}"]
    if stored.channels == 1:
        words.append("data.channels=1")
    if crops:
        words.append("data.augment.random_resized_crop=[0.08,1]")
    if not crops or shorter_side(None, crop, crops) != stored.size:  # there is none for 300
        words.append(f"data.resize={stored.size}")
    return shlex.join(words)
