"""CIFAR: 32x32 colour photographs of 10 or 100 classes."""

from cnnlab.data.dataset import Root
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
    folder = "cifar-10-batches-py"
    files = ("batches.meta", *(f"data_batch_{part}" for part in range(1, 6)), "test_batch")
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
    files = ("meta", "train", "test")
