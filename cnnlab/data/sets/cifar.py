"""CIFAR: 32x32 colour photographs of 10 or 100 classes."""

from collections.abc import Mapping
from typing import ClassVar

from cnnlab.data.dataset import Root
from cnnlab.data.files.published import Published
from cnnlab.data.loading.augment import Augment
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.registry import DATASETS
from cnnlab.spec import ImageSpec

KRIZHEVSKY = "Krizhevsky 2009, Learning multiple layers of features from tiny images"

CROP_AND_FLIP = Augment(crop=4, flip=True)

TEN = "airplane automobile bird cat deer dog frog horse ship truck"

HUNDRED = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


@DATASETS.register("cifar10", paper=KRIZHEVSKY)
class CIFAR10(DownloadedDataset):
    """Photographs of 10 classes: 45,000 for training, 5,000 for validation, 10,000 for test.
    No formal licence.

    Args:
        augment: augmentation of training images; by default random crop with padding 4 and flip,
            as in He et al. 2016.
    """

    # The std over all pixels of a channel. (0.2023, 0.1994, 0.2010), often used elsewhere, is the
    # mean of the stds of single images.
    spec = ImageSpec(
        3,
        32,
        32,
        10,
        tuple(TEN.split()),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
    )
    licence = "no formal licence"
    folder = "cifar-10-batches-py"
    layout = "{batches.meta,data_batch_{1..5},test_batch}"
    files: ClassVar[Mapping[str, Published]] = {
        "batches.meta": Published("5ff9c542aee3614f3951f8cda6e48888", 158),
        "data_batch_1": Published("c99cafc152244af753f735de768cd75f", 31_035_704),
        "data_batch_2": Published("d4bba439e000b95fd0a9bffe97cbabec", 31_035_320),
        "data_batch_3": Published("54ebc095f3ab1f0389bbae665268c751", 31_035_999),
        "data_batch_4": Published("634d18415352ddfa80567beed471001a", 31_035_696),
        "data_batch_5": Published("482c414d41f54cd18b22e5b47cb7c3cb", 31_035_623),
        "test_batch": Published("40351d587109b95175f43aff81a1287e", 31_035_526),
    }
    archives = ("cifar-10-python.tar.gz",)
    num_images = 50_000

    def __init__(
        self,
        *,
        root: Root = None,
        subset: int | None = None,
        augment: Augment = CROP_AND_FLIP,
    ) -> None:
        super().__init__(root=root, subset=subset, augment=augment)


@DATASETS.register("cifar100", paper=KRIZHEVSKY)
class CIFAR100(CIFAR10):
    """Photographs of 100 classes: 45,000 for training, 5,000 for validation, 10,000 for test.
    No formal licence.
    """

    spec = ImageSpec(
        3,
        32,
        32,
        100,
        tuple(HUNDRED.split()),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    )
    folder = "cifar-100-python"
    layout = "{meta,train,test}"
    files: ClassVar[Mapping[str, Published]] = {
        "meta": Published("7973b15100ade9c7d40fb424638fde48"),
        "train": Published("16019d7e3df5f24257cddd939b257f8d"),
        "test": Published("f0ef6b0ae62326f3e7ffdfab6717acfc"),
    }
    archives = ("cifar-100-python.tar.gz",)
