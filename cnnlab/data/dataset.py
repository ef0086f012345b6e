"""The base of every data set: an ImageSpec known at once, images loaded on demand, and splits."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.registry import Flags
from cnnlab.spec import ImageSpec

Root = Annotated[str | None, Flags(identity=False)]  # a set is the same wherever it is stored
SAMPLED = 2**20  # numbers of a part that its content is known by
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

    def between(self, start: int, stop: int) -> "Images":
        """The images from ``start`` on to before ``stop``, not copied."""
        return Images(self.pixels[start:stop], self.labels[start:stop])

    def read(self, indices: Tensor) -> Tensor:
        """The pixels of the images at ``indices``, uint8 (M, C, H, W)."""
        return self.pixels.index_select(0, indices)  # 4 to 8 times faster than pixels[indices]

    def to(self, device: torch.device | str) -> "Images":
        """The same in the memory of a device."""
        return Images(self.pixels.to(device).contiguous(), self.labels.to(device))


@dataclass(frozen=True)
class Splits:
    """Training, validation and test images.

    Attributes:
        digest: which originals are in train and val, by `digest`.
        digests: which originals are in each part, by their indices in the whole set.
        num_broken: pictures left out because they cannot be read; None where none may be.
        streamed: whether they do not fit on the device, and are copied there batch by batch.
    """

    train: Images
    val: Images
    test: Images
    digest: str
    digests: Mapping[str, str] | None = None
    num_broken: int | None = None
    streamed: bool = False


@dataclass(frozen=True)
class Ink:
    """How white drawings on black were made from dark ink on paper, for predicting others.

    Attributes:
        fill: share of the image's side that the longer side of the drawing takes; None where
            drawings are not cropped.
        centre: what is in the middle of the image: the drawing's centre of mass, or its box.
        stroke: width of the thinnest strokes, as a share of the side.
        detail: H and W from which images were enlarged; None where they were not.
    """

    fill: float | None = None
    centre: Literal["mass", "box"] = "box"
    stroke: float = 0.0
    detail: int | None = None


class ImageDataset(ABC):
    """A named set of images for classification. Constructing one reads no image.

    Attributes:
        licence: of the images, as their publishers state it; empty where it is not known.
        ink: how drawings became these images, if they are white on black; None of other images.
        fixed_images: whether everybody's originals are the same, told by their indices.
        own_files: whether they may be the user's own files, known by their contents.
        load_copies: how many copies of the images ``load`` holds in memory at a time.
        spec: size, classes and pixel statistics; a class attribute if no option changes it.
        num_train: number of training images after the validation split and ``subset``.
        num_val: number of validation images.
        num_test: number of test images, 0 where only ``load`` tells.
        num_loaded: images that ``load`` holds before ``subset`` is selected; 0: no others.
        augment: augmentation of training images; off where a set has no such option.
        can_pack: whether ``load`` can map a packed file instead of holding images in memory.
        packed: whether it will.
        stored_features: numbers of an image as it is held; None: as in ``spec``.
    """

    fixed_images: ClassVar[bool] = False
    own_files: ClassVar[bool] = False
    load_copies: ClassVar[int] = 2
    licence: ClassVar[str] = ""
    ink: ClassVar[Ink | None] = None
    can_pack: ClassVar[bool] = False
    packed: bool = False
    stored_features: int | None = None
    spec: ImageSpec
    num_train: int
    num_val: int
    num_test: int = 0
    num_loaded: int = 0
    augment: Augment = NO_AUGMENT

    def ensure_files(self, *, write: bool = True) -> None:  # noqa: B027  (most sets have none)
        """Check the files that ``load`` reads; unpack or download what is missing.

        Args:
            write: False checks that it could be done, and leaves everything as it is.

        Raises:
            CnnlabError: a file is missing or damaged and cannot be replaced.
        """

    def needs_download(self) -> bool:
        """Whether ``load`` would download a file first; asks no server."""
        return False

    @abstractmethod
    def load(self) -> Splits:
        """Read, or download and read, all images.

        Raises:
            CnnlabError: files are missing or damaged.
        """

    def part_digests(self, splits: Splits | None = None) -> Mapping[str, tuple[int, str]] | None:
        """Of train, val and test, the number of images and 12 hex digits for which they are.

        None: not known before ``splits``, the loaded images, are given. A set in the user's own
        files knows them before, and they are then part of a run's identity.
        """
        if splits is None:
            return None
        parts = {"train": splits.train, "val": splits.val, "test": splits.test}
        if self.fixed_images and splits.digests is not None:
            digests = {part: _hash(type(self).__name__, d) for part, d in splits.digests.items()}
        else:
            digests = {part: content_digest(images) for part, images in parts.items()}
        return {part: (len(images), digests[part]) for part, images in parts.items()}

    def notes(self) -> Sequence[str]:
        """Lines about the files, printed when a run starts: what is used, and what is not."""
        return ()

    def decoded_key(self) -> Hashable | None:
        """What decides the loaded images beside `part_digests`; None: each run loads them."""
        return None


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
    digests = {}
    if isinstance(test, int):
        chosen, order = order[:test].sort().values, order[test:]
        test, digests["test"] = pool.select(chosen), _hash(*chosen.tolist())
    else:
        digests["test"] = _hash("official", *test.labels.tolist())
    val = order[:num_val].sort().values
    train = order[num_val : num_val + num_train].sort().values
    digests |= {"train": _hash(*train.tolist()), "val": _hash(*val.tolist())}
    listing = digest(train.tolist(), val.tolist())
    return Splits(pool.select(train), pool.select(val), test, listing, digests)


def overfit_splits(splits: Splits, count: int) -> Splits:
    """The first ``count`` training images of a stratified order, for training and validation."""
    few = splits.train.select(stratified_order(splits.train.labels)[:count])
    return replace(splits, train=few, val=few)


def digest(train: Sequence[int | str], val: Sequence[int | str]) -> str:
    """12 hex digits for which originals, by index or file name, are in train and val, in order."""
    return _hash("train", *train, "val", *val)


def content_digest(images: Images) -> str:
    """12 hex digits for images by their labels and about a million of their numbers, evenly."""
    values = images.pixels.reshape(-1)
    sample = values[:: len(values) // SAMPLED | 1]  # odd: not always the same column
    content = sample.numpy().tobytes() + images.labels.numpy().tobytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _hash(*lines: int | str) -> str:
    return hashlib.sha256("\n".join(map(str, lines)).encode()).hexdigest()[:12]
