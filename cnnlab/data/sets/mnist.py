"""The MNIST family: 28x28 grey images of 10 classes."""

from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.registry import DATASETS
from cnnlab.spec import ImageSpec


@DATASETS.register("mnist", paper="LeCun, Cortes & Burges 1998, The MNIST database")
class MNIST(DownloadedDataset):
    """Handwritten digits: 55,000 for training, 5,000 for validation, 10,000 for test.
    CC BY-SA 3.0.
    """

    spec = ImageSpec(1, 28, 28, 10, tuple("0123456789"), mean=(0.1307,), std=(0.3081,))
    folder = "MNIST/raw"
    files = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
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
    folder = "FashionMNIST/raw"


KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@DATASETS.register(
    "kmnist", paper="Clanuwat et al. 2018, Deep learning for classical Japanese literature"
)
class KMNIST(MNIST):
    """Cursive hiragana: 55,000 for training, 5,000 for validation, 10,000 for test.
    CC BY-SA 4.0.
    """

    spec = ImageSpec(1, 28, 28, 10, KUZUSHIJI, mean=(0.1918,), std=(0.3483,))
    folder = "KMNIST/raw"
