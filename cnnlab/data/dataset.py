"""The base of every data set: an ImageSpec known at once, images loaded on demand, and splits."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.loading.augment import Augment
from cnnlab.registry import Flags
from cnnlab.spec import ImageSpec

Root = Annotated[str | None, Flags(identity=False)]  # of a set that is the same wherever it lies
SPLIT_SEED = 0  # one fixed split for all runs: `seed=` changes training, never the data


@dataclass(frozen=True)
class Images:
    """Pixels uint8 (N, C, H, W) and labels int64 (N,), in memory."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: Tensor) -> "Images":
        """The images at ``indices``, int64 (M,), in that order."""
        return Images(self.pixels.index_select(0, indices), self.labels.index_select(0, indices))


@dataclass(frozen=True)
class Splits:
    """Training, validation and test images; ``digest`` identifies the first two by `digest`."""

    train: Images
    val: Images
    test: Images
    digest: str


class ImageDataset(ABC):
    """A named set of images for classification. Constructing one reads no image.

    Attributes:
        spec: size, classes and pixel statistics; a class attribute if no option changes it.
        num_train: number of training images after the validation split and ``subset``.
        num_val: number of validation images.
        augment: augmentation of training images.
    """

    spec: ImageSpec
    num_train: int
    num_val: int
    augment: Augment

    def ensure_files(self, *, write: bool = True) -> None:  # noqa: B027  (most sets have none)
        """Check the files that ``load`` reads; unpack or download what is missing.

        Args:
            write: False checks that it could be done, and leaves everything as it is.

        Raises:
            CnnlabError: a file is missing or damaged and cannot be replaced.
        """

    @abstractmethod
    def load(self) -> Splits:
        """Read, or download and read, all images.

        Raises:
            CnnlabError: files are missing or damaged.
        """


def data_root(root: str | None) -> Path:
    """The folder of data sets: ``root``, else $CNNLAB_DATA, else ~/.cache/cnnlab."""
    return Path(root or os.environ.get("CNNLAB_DATA") or "~/.cache/cnnlab").expanduser()


def subset_size(subset: int | None, available: int) -> int:
    """How many training images are used.

    Raises:
        ValueError: ``subset`` is not within 1..available.
    """
    if subset is None:
        return available
    if not 1 <= subset <= available:
        raise ValueError(
            f"subset={subset}: there are {available} training images, give 1..{available}"
        )
    return subset


def stratified_order(labels: Tensor) -> Tensor:
    """A fixed random order in which every contiguous part has the classes in proportion.

    Args:
        labels: int64 (N,).

    Returns:
        int64 (N,), a permutation: each class, shuffled, is spread evenly from first to last.
    """
    values = labels.numpy()
    random = np.random.RandomState(SPLIT_SEED)  # its stream is frozen over NumPy's versions
    shuffled = random.permutation(len(values))
    position = np.empty(len(values))
    for label in np.unique(values):
        members = shuffled[values[shuffled] == label]
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    # Ties, as between classes of equal size, get a random order: lexsort's last key sorts first.
    return torch.from_numpy(np.lexsort((random.permutation(len(values)), position)))


def split(pool: Images, *, num_train: int, num_val: int, test: Images | int) -> Splits:
    """Split ``pool``, stratified and always the same; images beyond ``num_train`` are not used.

    Args:
        test: the official test images, or the number to split off ``pool`` if there are none.
    """
    order = stratified_order(pool.labels)
    if isinstance(test, int):
        test, order = pool.select(order[:test].sort().values), order[test:]
    val = order[:num_val].sort().values
    train = order[num_val : num_val + num_train].sort().values
    return Splits(pool.select(train), pool.select(val), test, digest(train.tolist(), val.tolist()))


def digest(train: Sequence[int | str], val: Sequence[int | str]) -> str:
    """12 hex digits for which originals, by index or file name, are in train and val, in order."""
    listing = "\n".join(["train", *map(str, train), "val", *map(str, val)])
    return hashlib.sha256(listing.encode()).hexdigest()[:12]
