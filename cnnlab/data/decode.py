"""Training, validation and test pictures, decoded at once; broken ones are named or left out."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import torch

from cnnlab.data.dataset import Images, Splits, digest
from cnnlab.data.layout import name_below
from cnnlab.data.packing.images import PackedImages
from cnnlab.data.packing.pack_file import Pack
from cnnlab.data.picture import Fit, read_pictures
from cnnlab.data.scan import Labelled, name_from
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

MOST_NAMED = 10


def decode(
    parts: Mapping[str, Labelled],
    spec: ImageSpec,
    fit: Fit,
    *,
    root: Path,
    skip_broken: bool,
    pack: Pack | None = None,
) -> Splits:
    """Decode the pictures of train, val and test, files and labels of each.

    Args:
        pack: holds them, decoded; they are then read from it when they are used.
        root: messages name the files below it.
        skip_broken: leave out what cannot be read, and count it.

    Raises:
        CnnlabError: pictures cannot be read; ten at most are named, in one line. With
            ``skip_broken``: a class has no training picture left, or a part none at all.
    """
    pictures = [*parts["train"], *parts["val"], *parts["test"]]
    paths = [path for path, _ in pictures]
    channels: Literal[1, 3] = 1 if spec.channels == 1 else 3
    labels = torch.tensor([label for _, label in pictures])
    whole: Images
    if pack is None:
        pixels, broken = read_pictures(paths, spec.height, channels, fit)
        whole = Images(pixels, labels)
    else:
        names = [name_from(root, path) for path in paths]
        broken = {i: pack.broken[name] for i, name in enumerate(names) if name in pack.broken}
        rows = torch.tensor([pack.rows[name] for name in names])
        whole = PackedImages(pack, rows, labels, spec.height)
    lacking = _lacking(parts, spec, {paths[i] for i in broken}) if broken else None
    if broken and not skip_broken:
        reasons = {name_below(paths[i], root): reason for i, reason in broken.items()}
        raise CnnlabError(_refusal(root, reasons, lacking))
    if lacking:
        raise CnnlabError(lacking)
    images, listing, start = dict[str, Images](), dict[str, list[str]](), 0
    for part in ("train", "val", "test"):
        stop = start + len(parts[part])
        good = [i for i in range(start, stop) if i not in broken]
        if len(good) < stop - start:
            images[part] = whole.select(torch.tensor(good).long())
        else:
            images[part] = whole.between(start, stop)
        listing[part] = [name_below(paths[i], root) for i in good]
        start = stop
    return Splits(
        images["train"],
        images["val"],
        images["test"],
        digest=digest(listing["train"], listing["val"]),
        digests={part: digest(names, []) for part, names in listing.items()},
        num_broken=len(broken) if skip_broken else None,
    )


def _refusal(root: Path, broken: Mapping[str, str], lacking: str | None) -> str:
    names = sorted(broken)
    reason = broken[names[0]]
    advice = "without them " + lacking if lacking else "data.skip_broken=true leaves them out"
    if len(names) == 1:
        advice = advice.replace("them", "it", 1)
        return f"cannot read the picture {root / names[0]} ({reason}); {advice}"
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return (
        f"cannot read {len(names):,} pictures below {root}: {', '.join(names[:MOST_NAMED])}{more} "
        f"({names[0]}: {reason}); {advice}"
    )


def _lacking(
    parts: Mapping[str, Labelled], spec: ImageSpec, broken: Collection[Path]
) -> str | None:
    """Which part or class has no picture left without the broken ones; None if all have."""
    left = {part: [k for path, k in found if path not in broken] for part, found in parts.items()}
    for part, labels in left.items():
        if not labels:
            return f"{part} has no readable picture"
    present = set(left["train"])
    names = spec.class_names or tuple(map(str, range(spec.num_classes)))
    lost = next((name for label, name in enumerate(names) if label not in present), None)
    return None if lost is None else f"class '{lost}' has no readable training picture"
