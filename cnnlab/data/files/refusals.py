"""What was found where and what is missing, in two lines that say what to do."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from cnnlab.data.files.published import MISSING, Fault, FileSet, without_punctuation
from cnnlab.registry import CnnlabError

MAX_FOLDERS, MAX_DEPTH = 500, 3  # searched below a root in which the files are not in their place
MAX_NAMES = 2  # listed in a message; of more, the first alone
MAX_REASON = 100  # characters


def refuse_a_file(wanted: FileSet) -> None:
    """Refuse a root that is a file.

    Raises:
        CnnlabError: it is.
    """
    if wanted.root.exists() and not wanted.root.is_dir():
        raise CnnlabError(
            f"{wanted.name}: {wanted.root} is a file; the data cannot be downloaded into it\n"
            f"data.root (or $CNNLAB_DATA) must be the folder that contains {wanted.folder}"
        )


def refuse_what_must_stay(wanted: FileSet, found: Mapping[str, Fault]) -> None:
    """Refuse other files in the place of the published ones: they are not overwritten.

    Raises:
        CnnlabError: there are such files.
    """
    if any(not fault.replaceable for fault in found.values()):
        raise CnnlabError(
            f"{wanted.name}: {describe(found)}\n"
            f"in {wanted.place}; move or delete these files, and they are downloaded again"
        )


def refuse_other_names(wanted: FileSet, found: Mapping[str, Fault]) -> None:
    """Refuse missing files that are there under a slightly different name.

    Raises:
        CnnlabError: there are such files.
    """
    renamed = [f"{fault.alias} to {name}" for name, fault in found.items() if fault.alias]
    if renamed:
        more = f", and {len(renamed) - 1} more in the same way" if len(renamed) > 1 else ""
        raise CnnlabError(f"{wanted.name}: rename {renamed[0]}{more}\nin {wanted.place}")


def refuse_the_wrong_folder(wanted: FileSet, found: Mapping[str, Fault]) -> None:
    """Refuse a root where most of the missing files are in the wrong folder.

    Raises:
        CnnlabError: they do.
    """
    missing = [name for name, fault in found.items() if fault.words == MISSING]
    for parent in wanted.root.absolute().parents[:2]:
        if all((parent / wanted.folder / name).is_file() for name in wanted.files):
            raise CnnlabError(
                f"{wanted.name}: the files are in {parent / wanted.folder}\n"
                f"give the folder above {wanted.folder}: data.root={parent}"
            )
    if 2 * len(missing) <= len(wanted.files) or not wanted.root.is_dir():
        return
    at, names = _most_files_below(wanted.root, missing)
    if 2 * len(names) <= len(wanted.files) or at == wanted.place:
        return
    lacking = [name for name in missing if without_punctuation(name) not in names]
    also = f"; missing: {_shortened(lacking)}" if lacking else ""
    number = f"{len(names)} of {len(wanted.files)}" if lacking else f"all {len(names)}"
    are = f"{number} files are in {at}"
    if at.parts[-len(Path(wanted.folder).parts) :] == Path(wanted.folder).parts:
        advice = f"give data.root={Path(str(at).removesuffix(wanted.folder))}"
    else:
        advice = f"move them to {wanted.place}"
    raise CnnlabError(f"{wanted.name}: {are}{also}\n{advice}")


def not_downloaded(
    wanted: FileSet, found: Mapping[str, Fault], archives: Collection[str], error: BaseException
) -> CnnlabError:
    """The refusal of files that are missing or cut short, and that could not be downloaded.

    Args:
        archives: what is wrong with each archive found.
    """
    missing = [name for name, fault in found.items() if fault.words == MISSING]
    if len(missing) == len(wanted.files) and not archives:
        return CnnlabError(
            f"{wanted.name}: no files in {_content(wanted)}, download failed ({reason(error)})\n"
            f"expected in data.root: {wanted.folder}/{wanted.layout}; data=mnist5k needs no files"
        )
    return CnnlabError(
        f"{wanted.name} is incomplete: {'; '.join([*archives, describe(found)])}\n"
        f"in {wanted.place}; download failed ({reason(error)})"
    )


def describe(found: Mapping[str, Fault]) -> str:
    """``10 of 20 bytes: a; empty: b, c; missing: d``."""
    alike: dict[str, list[str]] = {}
    for name, fault in found.items():
        alike.setdefault(fault.words, []).append(name)
    parts = [f"{words}: {_shortened(names)}" for words, names in alike.items()]
    more = [f"and {len(parts) - MAX_NAMES} more"] if len(parts) > MAX_NAMES else []
    return "; ".join(parts[:MAX_NAMES] + more)


def reason(error: BaseException) -> str:
    """The last line of an error, which says most, cut to what fits; its class if it has none."""
    last = [type(error).__name__, *str(error).strip().splitlines()][-1]
    last = re.sub(r"<urlopen error (.*)>", r"\1", last)
    last = re.sub(r"\[Errno -?\d+\] ", "", last)
    return last if len(last) <= MAX_REASON else f"{last[:MAX_REASON]}..."


def _content(wanted: FileSet) -> str:
    """The folder, with what else is in it: ``/data (which is empty)``."""
    at = wanted.place if wanted.place.is_dir() else wanted.root
    if not at.is_dir():
        return f"{at} (no such folder)"
    names = sorted(name for name in os.listdir(at) if not name.startswith("."))
    return f"{at} (it has {_shortened(names)})" if names else f"{at} (it is empty)"


def _shortened(names: list[str]) -> str:
    """``a, b``, or ``a and 3 more``."""
    return ", ".join(names) if len(names) <= MAX_NAMES else f"{names[0]} and {len(names) - 1} more"


def _most_files_below(root: Path, missing: Collection[str]) -> tuple[Path, set[str]]:
    """The folder at or below ``root`` with most of the files, packed or not, and their names."""
    wanted = {without_punctuation(name) for name in missing}
    best: tuple[Path, set[str]] = (root, set())
    for number, (at, folders, here) in enumerate(os.walk(root)):
        depth = len(Path(at).relative_to(root).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) * (depth < MAX_DEPTH)
        names = wanted & {without_punctuation(name) for name in here}
        if len(names) > len(best[1]):
            best = Path(at), names
        if number >= MAX_FOLDERS:
            break
    return best
