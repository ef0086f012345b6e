"""Training, validation and test pictures, decoded at once; broken ones are named or left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch

from cnnlab.data.dataset import Images, Splits, digest
from cnnlab.data.layout import name_below
from cnnlab.data.picture import Fit, read_pictures
from cnnlab.data.scan import Labelled
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

MOST_NAMED = 10


def decode(
    parts: Mapping[str, Labelled], spec: ImageSpec, fit: Fit, *, root: Path, skip_broken: bool
) -> Splits:
    """Decode the pictures of train, val and test, files and labels of each.

    Args:
        root: messages name the files below it.
        skip_broken: leave out what cannot be read, and count it.

    Raises:
        CnnlabError: pictures cannot be read; all are named, up to ten. With ``skip_broken``: a
            class has no training picture left, or a part none at all.
    """
    pictures = [*parts["train"], *parts["val"], *parts["test"]]
    paths = [path for path, _ in pictures]
    channels: Literal[1, 3] = 1 if spec.channels == 1 else 3
    pixels, broken = read_pictures(paths, spec.height, channels, fit)
    if broken and not skip_broken:
        raise CnnlabError(_refusal(root, {paths[i]: reason for i, reason in broken.items()}))
    labels = torch.tensor([label for _, label in pictures])
    images, listing, start = {}, {}, 0
    for part in ("train", "val", "test"):
        stop = start + len(parts[part])
        whole = Images(pixels[start:stop], labels[start:stop])  # views of one array
        good = [i for i in range(start, stop) if i not in broken]
        images[part] = (
            whole if len(good) == len(whole) else whole.select(torch.tensor(good).long() - start)
        )
        listing[part] = [name_below(paths[i], root) for i in good]
        start = stop
    if broken:
        _check_left(images, spec)
    return Splits(
        **images,
        digest=digest(listing["train"], listing["val"]),
        digests={part: digest(names, []) for part, names in listing.items()},
        num_broken=len(broken) if skip_broken else None,
    )


def _refusal(root: Path, broken: Mapping[Path, str]) -> str:
    if len(broken) == 1:
        [(path, reason)] = broken.items()
        return f"cannot read the picture {path} ({reason}); data.skip_broken=true leaves it out"
    names = ", ".join(name_below(path, root) for path in list(broken)[:MOST_NAMED])
    more = f" and {len(broken) - MOST_NAMED:,} more" if len(broken) > MOST_NAMED else ""
    first, reason = next(iter(broken.items()))
    return (
        f"cannot read {len(broken):,} pictures below {root}: {names}{more}; "
        f"data.skip_broken=true leaves them out\n{name_below(first, root)}: {reason}"
    )


def _check_left(images: Mapping[str, Images], spec: ImageSpec) -> None:
    counts = images["train"].labels.bincount(minlength=spec.num_classes).tolist()
    names = spec.class_names or tuple(map(str, range(spec.num_classes)))
    if 0 in counts:
        raise CnnlabError(f"class '{names[counts.index(0)]}' has no training picture that is whole")
    for part, kept in images.items():
        if not len(kept):
            raise CnnlabError(f"{part} has no picture that is whole")
