"""Pictures of one's own: one folder per class."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch

from cnnlab.data.dataset import (
    SPLIT_SEED,
    ImageDataset,
    Images,
    Splits,
    digest,
    stratified_order,
    subset_size,
)
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.data.picture import SUFFIXES, read_pictures
from cnnlab.registry import DATASETS, Range
from cnnlab.spec import ImageSpec

SPLIT_FRACTION = 0.15  # of each class, for validation, and as many for test, if missing
PART_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
Classes = dict[str, list[Path]]
Labelled = list[tuple[Path, int]]


@DATASETS.register("folder")
class Folder(ImageDataset):
    """Your own pictures in class folders, ROOT/CLASS/*.jpg, or the same in train, val and test.

    If val or test is missing, it gets 15% of every class's training pictures, at least one, with a
    fixed seed: 70/15/15 if both are missing. Names are read at once, pictures by ``load``.

    Args:
        root: folder with the class folders, or with train, val and test.
        size: H and W in pixels, to which whole pictures are resized, whatever their aspect ratio.
        channels: 3 for colour, 1 for grey.
        subset: number of training pictures used, stratified; null is all.
        augment: augmentation of training pictures; off by default.

    Raises:
        ValueError: no such folder, fewer than 2 classes, or a class with fewer than 3 pictures.
    """

    def __init__(
        self,
        *,
        root: str,
        size: Annotated[int, Range(at_least=1)] = 64,
        channels: Literal[1, 3] = 3,
        subset: int | None = None,
        augment: Augment = NO_AUGMENT,
    ) -> None:
        self.root = Path(root).expanduser()
        parts = find_parts(self.root)
        names = tuple(sorted(parts["train"]))
        check_counts(self.root, parts)
        self.parts = split_missing(names, parts)
        self.channels = channels
        # Known before any picture is decoded, and the same for every split: -1..1.
        half = (0.5,) * channels
        self.spec = ImageSpec(channels, size, size, len(names), names, mean=half, std=half)
        self.num_train = subset_size(subset, len(self.parts["train"]))
        self.num_val = len(self.parts["val"])
        self.augment = augment

    def load(self) -> Splits:
        train = self.parts["train"]
        order = stratified_order(torch.tensor([label for _, label in train]))
        train = [train[i] for i in order[: self.num_train].sort().values.tolist()]
        val, test = self.parts["val"], self.parts["test"]
        listing = ([path.relative_to(self.root).as_posix() for path, _ in p] for p in (train, val))
        return Splits(self._read(train), self._read(val), self._read(test), digest(*listing))

    def _read(self, pictures: Labelled) -> Images:
        paths = [path for path, _ in pictures]
        pixels = read_pictures(paths, self.spec.height, self.channels)
        return Images(pixels, torch.tensor([label for _, label in pictures]))


def find_parts(root: Path) -> dict[str, Classes]:
    """The pictures of each class, by part; all are ``train`` if there are no such folders."""
    if not root.is_dir():
        raise ValueError(f"root={root}: there is no folder {root.absolute()}")
    folders = subfolders(root)
    parts = {PART_NAMES[f.name]: f for f in folders if f.name in PART_NAMES}
    # A class may be called 'train' too: then there are classes of other names beside it.
    if "train" not in parts or len(parts) < len(folders):
        parts = {"train": root}
    return {part: {f.name: pictures_below(f) for f in subfolders(at)} for part, at in parts.items()}


def check_counts(root: Path, parts: dict[str, Classes]) -> None:
    """Check that train, val and test can each have a picture of every class.

    Raises:
        ValueError: they cannot.
    """
    train = parts["train"]
    if len(train) < 2:
        raise ValueError(
            f"root={root}: {len(train)} class folders found, at least 2 are needed: "
            f"{root}/CLASS/*.jpg, or the same below {root}/train, val and test"
        )
    for part, classes in parts.items():
        unknown = sorted(classes.keys() - train.keys())
        if unknown:
            raise ValueError(f"root={root}: class '{unknown[0]}' is in {part} but not in train")
        if not any(classes.values()):
            raise ValueError(f"root={root}: {part} has no pictures")
    needed = 1 + sum(part not in parts for part in ("val", "test"))  # in train
    for name in sorted(train):
        found = len(train[name])
        total = sum(len(classes.get(name, ())) for classes in parts.values())
        if total < 3 or found < needed:
            few = f"{max(needed, 3 - total + found)} {'training ' * (total > found)}pictures"
            raise ValueError(f"root={root}: class '{name}' needs {few}, found {found}")


def split_missing(names: Sequence[str], parts: dict[str, Classes]) -> dict[str, Labelled]:
    """Files and labels of train, val and test, missing parts split off train, class by class."""
    missing = [part for part in ("val", "test") if part not in parts]
    split: dict[str, Labelled] = {"train": [], "val": [], "test": []}
    for label, name in enumerate(names):
        for part, classes in parts.items():
            if part != "train":
                split[part] += [(path, label) for path in classes.get(name, ())]
        files = parts["train"][name]
        # Class by class, so that pictures added to one class do not change the split of others.
        order = np.random.RandomState(SPLIT_SEED).permutation(len(files)).tolist()
        count = max(1, round(SPLIT_FRACTION * len(files)))
        for part in missing:
            split[part] += [(files[i], label) for i in sorted(order[:count])]
            order = order[count:]
        split["train"] += [(files[i], label) for i in sorted(order)]
    return split


def subfolders(folder: Path) -> list[Path]:
    """The folders in ``folder``, sorted, without hidden ones."""
    hidden = (".", "__")  # such as .ipynb_checkpoints and __MACOSX
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(hidden))


def pictures_below(folder: Path) -> list[Path]:
    """Picture files in ``folder`` and below it, sorted, without hidden ones."""
    return sorted(
        Path(at, name)
        for at, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
    )
