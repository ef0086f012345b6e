"""ImageNet, and subsets of its classes, read from local folders; it is not downloaded."""

import os
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

import torch

from cnnlab.data.dataset import (
    ImageDataset,
    Root,
    Splits,
    data_root,
    stratified_order,
    subset_size,
)
from cnnlab.data.decode import decode
from cnnlab.data.layout import Classes, check_counts, split_missing
from cnnlab.data.loading.augment import Augment
from cnnlab.data.notes import folder_notes, part_digests
from cnnlab.data.packing.cache import MANY, packed, recall_fingerprints
from cnnlab.data.packing.pack_file import Stored
from cnnlab.data.scan import (
    Labelled,
    changes,
    list_pictures,
    refuse_unreadable,
    scanned_once,
    subfolders,
)
from cnnlab.data.sets.folder import Resize, SkipBroken, passed_over, shorter_side, stratified
from cnnlab.registry import DATASETS, CnnlabError, Range
from cnnlab.spec import ImageSpec

FLIP = Augment(flip=True)
EXPECTED = "ROOT/train/CLASS/*.JPEG and ROOT/val/CLASS/*.JPEG"
SUBSET_VAL = 0.1  # of the training pictures of a subset of the classes


@DATASETS.register(
    "imagenet",
    paper="Russakovsky et al. 2015, ImageNet large scale visual recognition challenge",
)
class ImageNet(ImageDataset):
    """Photographs of 1000 classes: 1,271,167 for training, 10,000 for validation, 50,000 for test.
    For non-commercial research.

    Read from ROOT/train/CLASS/*.JPEG and ROOT/val/CLASS/*.JPEG. The official validation images
    are the test set, because the labels of the official test set are not public; our validation
    images are split off the training images. Folders with other than 1000 classes, such as
    Imagenette, are read in the same way: validation is then about 10% of the training images of
    each class, by a hash of their names.

    From 1,000 pictures on they are decoded once, into a file in the folder of data sets that is
    mapped into memory: 200 GB for all of them at 224x224, 350 GB with random resized crops.

    Args:
        root: folder with train and val; null is $CNNLAB_DATA/imagenet, or else
            ~/.cache/cnnlab/imagenet.
        size: H and W in pixels: 224, or 227 for AlexNet. The shorter side of a picture is resized
            to 8/7 of it, 256 for 224, and the centre is cut out.
        resize: shorter side, in pixels, to which whole pictures are resized once and packed, as
            `cnnlab pack --size` does; random crops and the centre are cut out of that. null is 8/7
            of size with augment.random_resized_crop; without, squares of size are packed.
        skip_broken: leave out pictures that cannot be read, and count them in the result, instead
            of refusing the data.
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; flips only by default.
    """

    spec = ImageSpec(3, 224, 224, 1000, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    licence = "for non-commercial research"
    num_images: ClassVar[int] = 1_281_167  # official training images, validation included
    num_val: int = 10_000
    num_test: int = 50_000
    fixed_images = True
    own_files = True  # where they have other classes
    can_pack = True
    load_copies = 1

    def __init__(
        self,
        *,
        root: Root = None,
        size: Annotated[int, Range(at_least=8)] = 224,
        resize: Resize = None,
        skip_broken: SkipBroken = False,
        subset: int | None = None,
        augment: Augment = FLIP,
    ) -> None:
        self.root = Path(os.path.expanduser(root)) if root else data_root(None) / "imagenet"
        self.spec = replace(type(self).spec, height=size, width=size)
        self.skip_broken = skip_broken
        self.augment = augment
        self.parts: Mapping[str, Labelled] | None = None  # None: all classes, or none yet
        self._whole: dict[str, Labelled] | None = None  # of all classes, once they are looked for
        self._digests: Mapping[str, tuple[int, str]] | None = None
        shorter, self.subset = shorter_side(resize, size, augment.random_resized_crop), subset
        self.stored = Stored("whole" if shorter else "crop", shorter or size, 3)
        self.stored_features = self.stored.num_bytes
        with scanned_once(), refuse_unreadable(self.root):
            self._find(subset)
        pictures = self.num_train + self.num_val + self.num_test
        self.packed = shorter is not None or pictures >= MANY

    def _find(self, subset: int | None) -> None:
        """Take the files of other than all the classes."""
        train = self._class_folders("train")
        if len(train) in (0, self.spec.num_classes):
            self.num_train = subset_size(subset, self.num_images - self.num_val)
            return
        self.classes = {"train": train, "test": self._class_folders("val")}
        if not self.classes["test"]:
            raise ValueError(
                f"root={self.root}: val, which is used as the test set, has no class folders; "
                f"expected: {EXPECTED}"
            )
        names = tuple(sorted(train))
        check_counts(self.root, self.classes, EXPECTED)
        split = split_missing(names, self.classes, SUBSET_VAL)
        self.spec = replace(self.spec, num_classes=len(names), class_names=names)
        self.num_train = subset_size(subset, len(split["train"]))
        self.parts = {**split, "train": stratified(split["train"], self.num_train)}
        self.num_val, self.num_test = len(split["val"]), len(split["test"])

    def part_digests(self, splits: Splits | None = None) -> Mapping[str, tuple[int, str]] | None:
        """As of every set; of other than all the classes, as of the user's own folders."""
        if self.parts is None:
            return super().part_digests(splits)
        if self._digests is None:
            if self.packed:
                recall_fingerprints(self.root, self.stored, self.subset)
            self._digests = part_digests(self.parts, self.spec.class_names, self.classes)
        return self._digests

    def notes(self) -> Sequence[str]:
        """Of other than all the classes, as of the user's own folders."""
        if self.parts is None:
            return ()
        beside: Counter[str] = passed_over(self.classes)
        return folder_notes(self.root, self.spec.class_names, self.parts, beside)

    def decoded_key(self) -> Hashable:
        """What decides the decoded pictures; of all the classes, with sizes and times of files."""
        key = self.root.absolute(), self.spec.shape, self.stored, self.skip_broken, self.num_train
        return key if self.parts is not None else (key, changes(self._all_classes()))

    def ensure_files(self, *, write: bool = True) -> None:  # noqa: ARG002  (nothing is downloaded)
        if self.parts is None:
            self._all_classes()  # refuses what is missing; other classes have been found

    def load(self) -> Splits:
        parts = self._all_classes() if self.parts is None else self.parts
        pack = packed(parts, self.root, self.stored, subset=self.subset) if self.packed else None
        skip_broken = self.skip_broken
        return decode(parts, self.spec, "crop", root=self.root, skip_broken=skip_broken, pack=pack)

    def _all_classes(self) -> dict[str, Labelled]:
        """Train, val and test of the whole ImageNet."""
        if self._whole is not None:
            return self._whole
        try:
            with refuse_unreadable(self.root):
                pool, test = self._labelled("train"), self._labelled("val")
        except ValueError as error:
            raise CnnlabError(f"data=imagenet: {error}") from error
        if len(pool) < self.num_val + self.num_train:
            raise CnnlabError(
                f"data=imagenet: {self.root / 'train'} has {len(pool):,} pictures, too few for "
                f"{self.num_val:,} validation and {self.num_train:,} training images"
            )
        order = stratified_order(torch.tensor([label for _, label in pool]))
        chosen = order[: self.num_val], order[self.num_val : self.num_val + self.num_train]
        val, train = ([pool[i] for i in part.sort().values.tolist()] for part in chosen)
        self._whole = {"train": train, "val": val, "test": test}
        return self._whole

    def _labelled(self, part: str) -> Labelled:
        """Files and labels of a part, classes in the order of their names."""
        classes = self._class_folders(part)
        found = {name: list_pictures(classes[name]).pictures for name in sorted(classes)}
        lacks = [f"no picture of class '{name}'" for name, files in found.items() if not files]
        if len(classes) != self.spec.num_classes:
            lacks = [f"{len(classes)} of {self.spec.num_classes} class folders"]
        if lacks:
            raise CnnlabError(
                f"data=imagenet is missing or incomplete in {self.root}: {part} has {lacks[0]}\n"
                f"expected: {EXPECTED}; ROOT is data.root or $CNNLAB_DATA/imagenet; "
                "data=mnist5k needs no files"
            )
        return [(path, label) for label, files in enumerate(found.values()) for path in files]

    def _class_folders(self, part: str) -> Classes:
        folder = self.root / part
        return {at.name: at for at in subfolders(folder)} if folder.is_dir() else {}
