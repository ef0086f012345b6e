"""What is said of pictures in folders before they are used, and the digests they are known by."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cnnlab.data.layout import Classes, name_below
from cnnlab.data.scan import Labelled, duplicates, fingerprints
from cnnlab.text import plural

MOST_CLASSES = 5  # that are named, with the count of each
MOST_PAIRS = 2  # of the same pictures in two parts


def part_digests(
    parts: Mapping[str, Labelled], names: Sequence[str], classes: Mapping[str, Classes]
) -> dict[str, tuple[int, str]]:
    """Of each part, the number of its files and a digest of names, sizes and fingerprints.

    Args:
        names: of the classes, in the order of the labels.
        classes: the class folders of each part; those of train hold parts split off it too.
    """
    digests = {}
    for part, pictures in parts.items():
        folders = {**classes["train"], **classes.get(part, {})}
        content = hashlib.sha256()
        prints = fingerprints([path for path, _ in pictures])
        for (path, label), fingerprint in zip(pictures, prints, strict=True):
            name = f"{names[label]}/{name_below(path, folders[names[label]])}"
            content.update(f"{name}\n{fingerprint}\n".encode(errors="surrogatepass"))
        digests[part] = len(pictures), content.hexdigest()[:12]
    return digests


def folder_notes(
    root: Path, names: Sequence[str], parts: Mapping[str, Labelled], passed_over: Counter[str]
) -> list[str]:
    """Lines for the user: classes and counts; ignored files; pictures in two parts."""
    counts = ", ".join(_counts(part, pictures, len(names)) for part, pictures in parts.items())
    lines = [f"data.root={root}: {len(names)} classes ({_names(names)}); {counts}"]
    if passed_over:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in passed_over.most_common(8))
        more = f" and {len(passed_over) - 8} more kinds" if len(passed_over) > 8 else ""
        total = plural(passed_over.total(), "file")
        lines.append(f"data.root={root}: {total} ignored: {kinds}{more}")
    for one, other in (("test", "train"), ("val", "train"), ("test", "val")):
        if twins := duplicates(parts, one, other):
            pairs = [f"{name_below(a, root)} = {name_below(b, root)}" for a, b in twins]
            shown = ", ".join(pairs[:MOST_PAIRS]) + (", ..." if len(pairs) > MOST_PAIRS else "")
            verb = "is" if len(twins) == 1 else "are"
            said = f"{plural(len(twins), 'picture')} of {one} {verb} also in {other}"
            lines.append(f"data.root={root}: {said}, byte for byte: {shown}")
    return lines


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_CLASSES:,} more" if len(names) > MOST_CLASSES else ""
    return ", ".join(names[:MOST_CLASSES]) + more


def _counts(part: str, pictures: Labelled, num_classes: int) -> str:
    counts = Counter(label for _, label in pictures)
    each = [counts[label] for label in range(num_classes)]
    if num_classes <= MOST_CLASSES:
        said = ", ".join(f"{count:,}" for count in each)
    elif min(each) == max(each):
        said = f"{each[0]:,} a class"
    else:
        said = f"{min(each):,} to {max(each):,} a class"
    return f"{part} {len(pictures):,} ({said})"
