"""Your own pictures: one folder per class."""

import os
from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch

from cnnlab.data.dataset import ImageDataset, Splits, stratified_order, subset_size
from cnnlab.data.decode import decode
from cnnlab.data.layout import Layout, check_counts, find_layout, split_missing
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.data.notes import folder_notes, part_digests
from cnnlab.data.packing.cache import MANY, packed, recall_fingerprints
from cnnlab.data.packing.pack_file import Stored
from cnnlab.data.picture import SHARES
from cnnlab.data.scan import Labelled, list_pictures, remembered, scanned_once
from cnnlab.registry import DATASETS, Flags, Range
from cnnlab.spec import ImageSpec

SkipBroken = Annotated[bool, Flags(neutral=False)]
Resize = Annotated[Annotated[int, Range(at_least=1)] | None, Flags(neutral=None)]


# Version 2: parts by a hash of names, and proportions kept.
@DATASETS.register("folder", version=2)
class Folder(ImageDataset):
    """Your own pictures in class folders, ROOT/CLASS/*.jpg, or the same in train, val and test.

    If val or test is missing, it gets about 15% of every class's training pictures, at least one,
    by a hash of each picture's name and class: added pictures move no other. Names are read at
    once, pictures by ``load``.

    Args:
        root: folder with the class folders, or with train, val and test (also Training, test_set).
        size: H and W in pixels, to which pictures are resized.
        channels: 3 for colour, 1 for grey.
        proportions: keep resizes the shorter side and cuts out the centre; squeeze resizes whole
            pictures to a square.
        resize: shorter side, in pixels, to which whole pictures are resized once and packed, as
            `cnnlab pack --size` does; random crops and the centre are cut out of that. null is 8/7
            of size with augment.random_resized_crop; without, pictures are resized to size alone.
        skip_broken: leave out pictures that cannot be read, and count them in the result, instead
            of refusing the data.
        subset: number of training pictures used, stratified; null is all.
        augment: augmentation of training pictures; off by default.

    Raises:
        ValueError: no such folder, fewer than 2 classes, a class with fewer than 3 pictures,
            folders of which it is not clear whether they are classes, or a resize below size.
    """

    own_files = True
    can_pack = True
    load_copies = 1

    def __init__(
        self,
        *,
        root: str,
        size: Annotated[int, Range(at_least=1)] = 64,
        channels: Literal[1, 3] = 3,
        proportions: Literal["keep", "squeeze"] = "keep",
        resize: Resize = None,
        skip_broken: SkipBroken = False,
        subset: int | None = None,
        augment: Augment = NO_AUGMENT,
    ) -> None:
        self.root = Path(os.path.expanduser(root))
        # For all the jobs of a command, which build it several times.
        layout, split = remembered(("folder", self.root), lambda: _found(self.root))
        names = tuple(sorted(layout.parts["train"]))
        self.classes, self.passed_over = layout.parts, layout.passed_over
        self.spec = self.spec_of(names, size=size, channels=channels)
        self.proportions: Literal["keep", "squeeze"] = proportions
        self.skip_broken = skip_broken
        self.augment = augment
        self.shorter = shorter_side(resize, size, augment.random_resized_crop)
        if self.shorter is not None and proportions == "squeeze":
            raise ValueError("proportions=squeeze cannot be combined with resize or random crops")
        self.packed = self.shorter is not None or sum(map(len, split.values())) >= MANY
        self.stored_features = self.stored.num_bytes
        self.use(split, subset)

    @property
    def stored(self) -> Stored:
        """What is held of each picture."""
        channels: Literal[1, 3] = 1 if self.spec.channels == 1 else 3
        if self.shorter is not None:
            return Stored("whole", self.shorter, channels)
        return Stored(self.proportions, self.spec.height, channels)

    @staticmethod
    def spec_of(names: tuple[str, ...], *, size: int, channels: int) -> ImageSpec:
        """That of pictures in classes of these names, without reading them."""
        half = (0.5,) * channels  # to -1..1, whatever the split
        return ImageSpec(channels, size, size, len(names), names, mean=half, std=half)

    def use(self, parts: Mapping[str, Labelled], subset: int | None) -> None:
        """Take these files and labels as train, val and test, of train only a subset."""
        self.num_train = subset_size(subset, len(parts["train"]))
        self.parts = {**parts, "train": stratified(parts["train"], self.num_train)}
        self.num_val, self.num_test = len(parts["val"]), len(parts["test"])
        self.subset = None if self.num_train == len(parts["train"]) else subset
        self._digests: Mapping[str, tuple[int, str]] | None = None

    def part_digests(self, _splits: Splits | None = None) -> Mapping[str, tuple[int, str]]:
        """Of each part, its number of files, and a digest of names, sizes and contents.

        They are those of the first call: a run is of the files that it began with.
        """
        if self._digests is None:
            if self.packed:
                recall_fingerprints(self.root, self.stored, self.subset)
            self._digests = part_digests(self.parts, self.spec.class_names, self.classes)
        return self._digests

    def notes(self) -> list[str]:
        """Classes and counts in one line; ignored files, and pictures in two parts."""
        return folder_notes(self.root, self.spec.class_names, self.parts, self.passed_over)

    def decoded_key(self) -> Hashable:
        """What decides the decoded pictures beside the files."""
        shape = self.spec.shape
        return self.root.absolute(), shape, self.proportions, self.stored, self.skip_broken

    def load(self) -> Splits:
        pack = None
        if self.packed:
            pack = packed(self.parts, self.root, self.stored, subset=self.subset)
        fit, skip_broken = self.proportions, self.skip_broken
        return decode(
            self.parts, self.spec, fit, root=self.root, skip_broken=skip_broken, pack=pack
        )


def shorter_side(resize: int | None, size: int, crops: object) -> int | None:
    """To which the shorter side of whole pictures is resized; None where squares are cut at once.

    Args:
        crops: of augment.random_resized_crop.

    Raises:
        ValueError: it is less than the ``size`` of the images that are cut out.
    """
    if resize is None:
        return None if crops is None else round(size / SHARES["crop"])
    if resize < size:
        raise ValueError(f"resize={resize} is less than size={size}; give at least that")
    return resize


def _found(root: Path) -> tuple[Layout, dict[str, Labelled]]:
    """Class folders and ignored files, and the files and labels of each part."""
    with scanned_once():
        layout = find_layout(root)
        check_counts(root, layout.parts)
        split = split_missing(tuple(sorted(layout.parts["train"])), layout.parts)
        return Layout(layout.parts, layout.passed_over + passed_over(layout.parts)), split


def stratified(pictures: Labelled, number: int) -> Labelled:
    """A ``number`` of the pictures, each class in proportion, in their order."""
    if number == len(pictures):
        return pictures
    order = stratified_order(torch.tensor([label for _, label in pictures]))
    return [pictures[i] for i in order[:number].sort().values.tolist()]


def passed_over(parts: Mapping[str, Mapping[str, Path]]) -> Counter[str]:
    """Files in class folders that are not pictures of a known format, by what they are."""
    total: Counter[str] = Counter()
    for classes in parts.values():
        for folder in classes.values():
            total += list_pictures(folder).passed_over
    return total
