"""The layout of pictures in folders: classes alone, or the same below train, val and test."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab.data.part_names import part_named, refuse_part_names
from cnnlab.data.picture import SUFFIXES
from cnnlab.data.scan import Labelled, list_pictures, name_from, refuse_unreadable, subfolders
from cnnlab.text import plural, shortened

SPLIT_FRACTION = 0.15  # of the training pictures, for validation, and as many for test, if missing
Classes = Mapping[str, Path]


@dataclass(frozen=True)
class Layout:
    """The class folders of each part, by name, and files that are in none, by what they are."""

    parts: Mapping[str, Classes]
    passed_over: Counter[str]


def find_layout(root: Path) -> Layout:
    """The class folders below ``root``, by part; all are ``train`` if there are no such folders.

    Raises:
        ValueError: there is no folder, one may not be read, or it is not clear which are classes.
    """
    with refuse_unreadable(root):
        return _find_layout(root)


def _find_layout(root: Path) -> Layout:
    if not root.is_dir():
        where = "" if root.is_absolute() else f" in {Path.cwd()}"
        raise ValueError(f"root={root}: no such folder{where}")
    folders = subfolders(root)
    named = {folder: part for folder in folders if (part := part_named(folder.name))}
    # A class may be called 'train' too: then it has pictures, and other classes are beside it.
    if not any(subfolders(folder) for folder in named) and len(named) < len(folders):
        named = {}
    if not named:
        classes = _classes(root, root)
        return Layout({"train": classes}, _beside([root]))
    parts: dict[str, Path] = {}
    for folder, part in named.items():
        if part in parts:
            raise ValueError(
                f"root={root}: '{parts[part].name}' and '{folder.name}' both mean {part}; "
                "move one of them elsewhere"
            )
        parts[part] = folder
    _check_beside(root, parts, [f for f in folders if f not in named])
    found = {part: _classes(root, folder) for part, folder in parts.items()}
    return Layout(found, _beside([root, *parts.values()]))


def _check_beside(root: Path, parts: Mapping[str, Path], others: Sequence[Path]) -> None:
    names = ", ".join(f"'{folder.name}'" for folder in parts.values())
    for other in others:
        if list_pictures(other).pictures:
            raise ValueError(
                f"root={root}: '{other.name}' is next to {names}; "
                "put classes inside train, val and test, and anything else elsewhere"
            )
    if "train" not in parts:
        raise ValueError(f"root={root}: {names} found, but no train folder")


def _classes(root: Path, at: Path) -> Classes:
    """The class folders in ``at``; those that are parts by their names or contents are refused."""
    classes = {folder.name: folder for folder in subfolders(at)}
    refuse_part_names(root, classes)
    below = {name: list(_folders_below(folder)) for name, folder in classes.items()}
    _refuse_shared(root, {name: {f[0] for f in folders} for name, folders in below.items()})
    # Deeper, as in seg_train/seg_train/CLASS. A name that a class has several times, as in
    # CLASS/PATIENT/left, is not that of a class.
    _refuse_shared(
        root, {name: _once(folder[-1] for folder in folders) for name, folders in below.items()}
    )
    return classes


def _folders_below(folder: Path) -> Iterator[tuple[str, ...]]:
    """The folders below a class folder that contain pictures, each as its path of names."""
    start = len(os.fspath(folder)) + 1
    found = {os.path.dirname(os.fspath(file)) for file in list_pictures(folder).pictures}
    return (tuple(below[start:].split(os.sep)) for below in sorted(found) if below[start:])


def _once(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count == 1}


def _refuse_shared(root: Path, inner: Mapping[str, Collection[str]]) -> None:
    """Refuse class folders that have folders of the same name inside, as parts have classes."""
    seen: dict[str, str] = {}
    for name, folders in inner.items():
        for folder in sorted(folders):
            other = seen.setdefault(folder.lower(), name)
            alone = len(folders) == len(inner[other]) == 1  # CLASS/images/*.jpg in every class
            if other != name and not alone:
                others = {f.lower() for f in inner[other]}
                shared = [f for f in sorted(folders) if f.lower() in others]
                raise ValueError(
                    f"root={root}: '{other}' and '{name}' both contain {shortened(shared)}: "
                    "they look like splits, not classes; name splits train, val and test"
                )


def _beside(folders: Sequence[Path]) -> Counter[str]:
    """Pictures outside the class folders."""
    number = sum(
        entry.is_file() and os.path.splitext(entry.name)[1].lower() in SUFFIXES
        for folder in folders
        for entry in os.scandir(folder)
        if not entry.name.startswith(".")
    )
    return Counter({"outside the class folders": number} if number else {})


def check_counts(
    root: Path,
    parts: Mapping[str, Classes],
    expected: str = "ROOT/CLASS/*.jpg, or the same below ROOT/train, val and test",
) -> None:
    """Check that train, val and test can each have a picture of every class.

    Args:
        expected: where they belong, below ROOT.

    Raises:
        ValueError: they cannot.
    """
    train = parts["train"]
    if len(train) < 2:
        inside = [folder for folder in subfolders(root) if len(subfolders(folder)) > 1]
        hint = f"; did you mean root={inside[0]}?" if len(inside) == 1 and len(parts) == 1 else ""
        raise ValueError(
            f"root={root}: {plural(len(train), 'class folder')} found, at least 2 needed: "
            f"{expected.replace('ROOT', str(root))}{hint}"
        )
    counts = {
        part: {name: len(list_pictures(folder).pictures) for name, folder in classes.items()}
        for part, classes in parts.items()
    }
    for part, classes in counts.items():
        unknown = sorted(classes.keys() - train.keys())
        if unknown:
            raise ValueError(f"root={root}: class '{unknown[0]}' is in {part} but not in train")
        if not any(classes.values()):
            raise ValueError(f"root={root}: {part} has no pictures in class folders")
    needed = 1 + sum(part not in parts for part in ("val", "test"))  # in train
    for name in sorted(train):
        found = counts["train"][name]
        total = sum(classes.get(name, 0) for classes in counts.values())
        if total < 3 or found < needed:
            few = f"{max(needed, 3 - total + found)} {'training ' * (total > found)}pictures"
            raise ValueError(f"root={root}: class '{name}' needs {few}, found {found}")


def split_missing(
    names: Sequence[str], parts: Mapping[str, Classes], fraction: float = SPLIT_FRACTION
) -> dict[str, Labelled]:
    """Files and labels of train, val and test, missing parts split off train by `assign`."""
    missing = [part for part in ("val", "test") if part not in parts]
    split: dict[str, Labelled] = {"train": [], "val": [], "test": []}
    for label, name in enumerate(names):
        for part, classes in parts.items():
            if name not in classes:
                continue
            files = list_pictures(classes[name]).pictures
            own = assign(classes[name], files, missing, fraction) if part == "train" else {}
            for to, chosen in (own or {part: files}).items():
                split[to] += [(path, label) for path in chosen]
    return split


def assign(
    folder: Path, files: Sequence[Path], missing: Sequence[str], fraction: float
) -> dict[str, list[Path]]:
    """The part of each picture of a class, by a hash of its name and its class alone.

    Pictures that are added or removed move no other, and a part gets about ``fraction``. A part
    that gets none, as happens in classes of a few dozen, takes the picture whose hash comes
    nearest: that one may go back where pictures are added.
    """
    ranges = {"val": (0.0, fraction), "test": (fraction, 2 * fraction)}
    ranges = {part: ranges[part] for part in missing}
    place = {file: _place(f"{folder.name}/{name_below(file, folder)}") for file in files}
    parts: dict[str, list[Path]] = {part: [] for part in ("train", *missing)}
    for file in files:
        hits = (part for part, (low, high) in ranges.items() if low <= place[file] < high)
        parts[next(hits, "train")].append(file)

    def distance(file: Path, part: str) -> float:
        low, high = ranges.get(part, (1.0, 1.0))
        return max(low - place[file], place[file] - high)

    for part in parts:
        if not parts[part]:
            most = max(parts.values(), key=len)
            nearest = min(most, key=lambda file: distance(file, part))
            most.remove(nearest)
            parts[part].append(nearest)
    return parts


def name_below(file: Path, folder: Path) -> str:
    """A file's name below a folder, the same on every system."""
    name = name_from(folder, file).replace(os.sep, "/")
    return unicodedata.normalize("NFC", name)  # macOS writes an accent as a separate character


def _place(name: str) -> float:
    """A hash of a name, evenly in 0..1."""
    content = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(content, "big") / 2**64
