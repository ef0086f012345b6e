"""The MNIST family: 28x28 grey images of 10 classes."""

from cnnlab.data.dataset import Ink
from cnnlab.data.files.published import Published
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.registry import DATASETS
from cnnlab.spec import ImageSpec

NAMES = tuple(f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1"))
SIZES = (16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000)  # header and bytes


def published(*md5: str | None) -> dict[str, Published]:
    """The four files of a set, by the md5 of each in the order of ``NAMES``; None is unknown."""
    return {name: Published(m, size) for name, m, size in zip(NAMES, md5, SIZES, strict=True)}


@DATASETS.register("mnist", paper="LeCun, Cortes & Burges 1998, The MNIST database")
class MNIST(DownloadedDataset):
    """Handwritten digits: 55,000 for training, 5,000 for validation, 10,000 for test.
    CC BY-SA 3.0.
    """

    spec = ImageSpec(1, 28, 28, 10, tuple("0123456789"), mean=(0.1307,), std=(0.3081,))
    licence = "CC BY-SA 3.0"
    # LeCun et al. 1998: into 20x20 pixels, the centre of mass in the middle of 28x28.
    ink = Ink(fill=20 / 28, centre="mass", stroke=2 / 28)
    folder = "MNIST/raw"
    layout = "{train,t10k}-{images-idx3,labels-idx1}-ubyte"
    files = published(
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    )
    archives = tuple(f"{name}.gz" for name in NAMES)
    num_images = 60_000


FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@DATASETS.register("fashion_mnist", paper="Xiao, Rasul & Vollgraf 2017, Fashion-MNIST")
class FashionMNIST(MNIST):
    """Zalando's articles of clothing: 55,000 for training, 5,000 for validation, 10,000 for test.
    MIT licence.
    """

    spec = ImageSpec(1, 28, 28, 10, FASHION, mean=(0.2860,), std=(0.3530,))
    licence = "MIT"
    ink = Ink()
    folder = "FashionMNIST/raw"
    files = published(
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    )


KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@DATASETS.register(
    "kmnist", paper="Clanuwat et al. 2018, Deep learning for classical Japanese literature"
)
class KMNIST(MNIST):
    """Cursive hiragana: 55,000 for training, 5,000 for validation, 10,000 for test.
    CC BY-SA 4.0.
    """

    spec = ImageSpec(1, 28, 28, 10, KUZUSHIJI, mean=(0.1918,), std=(0.3483,))
    licence = "CC BY-SA 4.0"
    ink = Ink(fill=1, stroke=2 / 28)
    folder = "KMNIST/raw"
    # Nothing corroborates an md5 of its unpacked images, and a wrong one would refuse everybody's
    # files: of those two the size alone is checked.
    files = published(
        None, "949e75301f8813e0dc5800dcc320fc52", None, "9f55f451c0988b028eccdf7d5cc265ab"
    )
