"""ImageNet, read from local folders; it is not downloaded."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

import torch

from cnnlab.data.dataset import (
    ImageDataset,
    Images,
    Root,
    Splits,
    data_root,
    digest,
    stratified_order,
    subset_size,
)
from cnnlab.data.loading.augment import Augment
from cnnlab.data.picture import read_pictures
from cnnlab.data.sets.folder import Labelled, pictures_below, subfolders
from cnnlab.registry import DATASETS, CnnlabError, Range
from cnnlab.spec import ImageSpec

MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container or a cluster's job
FLIP = Augment(flip=True)
USABLE = 0.9  # fraction of the free memory for images: training needs some, too


@DATASETS.register(
    "imagenet",
    paper="Russakovsky et al. 2015, ImageNet large scale visual recognition challenge",
)
class ImageNet(ImageDataset):
    """Photographs of 1000 classes: 1,271,167 for training, 10,000 for validation, 50,000 for test.
    For non-commercial research.

    Read from ROOT/train/CLASS/*.JPEG and ROOT/val/CLASS/*.JPEG. The official validation images
    are the test set, because the labels of the official test set are not public; our validation
    images are split off the training images.

    All images are loaded into memory, 200 GB at 224x224: set ``subset`` or a small ``size``.

    Args:
        root: folder with train and val; null is $CNNLAB_DATA/imagenet, or else
            ~/.cache/cnnlab/imagenet.
        size: H and W in pixels: 224, or 227 for AlexNet. The shorter side of a picture is resized
            to 8/7 of it, 256 for 224, and the centre is cut out.
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; flips only by default.
    """

    spec = ImageSpec(3, 224, 224, 1000, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    num_images: ClassVar[int] = 1_281_167  # official training images, validation included
    num_val: int = 10_000

    def __init__(
        self,
        *,
        root: Root = None,
        size: Annotated[int, Range(at_least=8)] = 224,
        subset: int | None = None,
        augment: Augment = FLIP,
    ) -> None:
        self.root = Path(root).expanduser() if root else data_root(None) / "imagenet"
        self.spec = replace(type(self).spec, height=size, width=size)
        self.num_train = subset_size(subset, self.num_images - self.num_val)
        self.augment = augment

    def load(self) -> Splits:
        pool, test = self._find("train"), self._find("val")
        if len(pool) < self.num_val + self.num_train:
            raise CnnlabError(
                f"{self.root / 'train'} has {len(pool):,} pictures, too few for the "
                f"{self.num_val:,} of validation and {self.num_train:,} of training"
            )
        self._check_memory(self.num_val + len(test))
        order = stratified_order(torch.tensor([label for _, label in pool]))
        parts = order[: self.num_val], order[self.num_val : self.num_val + self.num_train]
        val, train = ([pool[i] for i in part.sort().values.tolist()] for part in parts)
        listing = ([path.relative_to(self.root).as_posix() for path, _ in p] for p in (train, val))
        return Splits(self._read(train), self._read(val), self._read(test), digest(*listing))

    def _find(self, part: str) -> Labelled:
        """Files and labels of a part, classes in the order of their names."""
        folder = self.root / part
        classes = subfolders(folder) if folder.is_dir() else []
        if len(classes) != self.spec.num_classes:
            raise CnnlabError(
                f"ImageNet is missing or incomplete in {self.root}: {part} has {len(classes)} of "
                f"{self.spec.num_classes} class folders\nexpected are {{train,val}}/CLASS/*.JPEG "
                "below data.root or CNNLAB_DATA/imagenet; data=digits needs no files"
            )
        return [(path, i) for i, name in enumerate(classes) for path in pictures_below(name)]

    def _check_memory(self, num_evaluation: int) -> None:
        """Refuse images that do not fit into memory, before hours of decoding."""
        free = free_memory()
        max_train = int((free or 0) * USABLE) // self.spec.num_features - num_evaluation
        if free is None or self.num_train <= max_train:
            return
        total = self.num_train + num_evaluation
        smaller = f"data.subset={max_train} or less, or " if max_train >= 1000 else ""
        raise CnnlabError(
            f"{total:,} images of {self.spec} take {total * self.spec.num_features / 1e9:,.1f} GB "
            f"of memory and {free / 1e9:,.1f} GB are free\n"
            f"set {smaller}a data.size below {self.spec.height}; "
            f"validation and test images alone are {num_evaluation:,}"
        )

    def _read(self, pictures: Labelled) -> Images:
        pixels = read_pictures([path for path, _ in pictures], self.spec.height, 3, "crop")
        return Images(pixels, torch.tensor([label for _, label in pictures]))


def free_memory() -> int | None:
    """Bytes that are available without swapping; None if the system does not say."""
    try:
        lines = MEMINFO.read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
        return int(min(available * 1024, _cgroup_limit()))
    except (OSError, StopIteration):
        pass
    try:  # not Linux: the installed memory is an upper bound
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _cgroup_limit() -> float:
    try:
        return int(CGROUP_LIMIT.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return float("inf")
