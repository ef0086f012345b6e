"""Accuracy under a change: of a planted classifier it is known by hand; whose images are shared."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Images
from cnnlab.explain.image_changes import CHANGES
from cnnlab.inference.shift import accuracy_under_change, changed_examples
from cnnlab.inference.test_images import load_test_images, stratified_sample
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

SPECS = (ImageSpec(1, 8, 8, 8), ImageSpec(1, 8, 8, 8, mean=(0.3,), std=(0.2,)))


class BrightestColumn(nn.Module):
    """The class is the column of the brightest pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((1, 2))


@pytest.fixture
def dots() -> Images:
    """Image i has one bright pixel, in row 4 and column i, and is of class i."""
    pixels = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    pixels[torch.arange(8), 0, 4, torch.arange(8)] = 200
    return Images(pixels, torch.arange(8))


def test_translation_of_a_planted_classifier(dots: Images) -> None:
    """Moved up or down all are right. Left, class 0 alone: a blank image's first column wins."""
    classifiers = [(BrightestColumn(), spec) for spec in SPECS]
    found = dict(accuracy_under_change(classifiers, dots, CHANGES["translate"], [0, 1, 3]))
    assert found == {0: [1, 1], 1: [17 / 32] * 2, 3: [17 / 32] * 2}


def test_the_example_is_changed_as_the_images_are(dots: Images) -> None:
    examples = changed_examples(dots, 2, CHANGES["translate"], [0, 3])
    assert examples.shape == (2, 1, 8, 8)
    assert examples.nonzero()[:, 2:].tolist() == [[4, 2], [4, 5]]


def test_a_sample_has_the_classes_in_proportion() -> None:
    images = Images(torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1), torch.arange(12) % 3)
    sample = stratified_sample(images, 6)
    assert sample.labels.bincount().tolist() == [2, 2, 2]
    assert sample.pixels.flatten().tolist() == sorted(sample.pixels.flatten().tolist())
    assert stratified_sample(images, 99) is images


def test_runs_must_share_their_images() -> None:
    def run(data: str, spec: ImageSpec, task: str = "classify") -> SimpleNamespace:
        config = SimpleNamespace(data={"name": data}, task=SimpleNamespace(name=task))
        folder = SimpleNamespace(name=f"run_on_{data}")
        return SimpleNamespace(folder=folder, config=config, spec=spec)

    first = run("mnist", SPECS[0])
    with pytest.raises(CnnlabError, match=r"run_on_mnist has mnist \(8x8x1\), run_on_kmnist kmn"):
        load_test_images([first, run("kmnist", SPECS[0])])
    with pytest.raises(CnnlabError, match="not a classifier: its task is reconstruct"):
        load_test_images([run("mnist", SPECS[0], "reconstruct")])
