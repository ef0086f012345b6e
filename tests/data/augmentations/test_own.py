"""An augmentation of one's own, from outside the package, by its name on the command line."""

from pathlib import Path

import pytest

from cnnlab.registry import AUGMENTATIONS, DATASETS
from cnnlab.runs.run_dir import RunDir

OWN = '''
import torch
from cnnlab.registry import AUGMENTATIONS

@AUGMENTATIONS.register("negative")
class Negative:
    """Turns black into white in some images.

    Args:
        p: probability of each image.
    """

    def __init__(self, spec, *, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, pixels):
        chosen = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < self.p
        return torch.where(chosen, 255 - pixels, pixels)

@AUGMENTATIONS.register("halve")
def halve(spec):
    return lambda pixels: pixels / 2

@AUGMENTATIONS.register("fails")
def fails(spec):
    return lambda pixels: pixels @ torch.ones(3)
'''

PLAIN_SET = '''
import torch
from cnnlab.data.dataset import ImageDataset, Images, split
from cnnlab.registry import DATASETS
from cnnlab.spec import ImageSpec

@DATASETS.register("halves")
class Halves(ImageDataset):
    """Bright above or below."""

    spec = ImageSpec(1, 8, 8, 2)
    num_train, num_val = 64, 16

    def load(self):
        labels = torch.arange(96) % 2
        pixels = torch.zeros(96, 1, 8, 8, dtype=torch.uint8)
        pixels[labels == 0, :, :4] = 200
        pixels[labels == 1, :, 4:] = 200
        return split(Images(pixels, labels), num_train=64, num_val=16, test=16)
'''
RUN = ("train", "model=mlp", "batch_size=32", "trainer.accelerator=cpu", "trainer.epochs=1")


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch):
    name = "own_augmentations"
    (tmp_path / f"{name}.py").write_text(OWN + PLAIN_SET)
    monkeypatch.syspath_prepend(tmp_path)
    with AUGMENTATIONS.temporary(), DATASETS.temporary():
        yield


@pytest.mark.slow
def test_it_is_chosen_checked_listed_and_refused(cnnlab) -> None:
    """On a data set of one's own that has no augmentation: it once failed with AttributeError."""
    own = ("data=halves", "--import", "own_augmentations")
    answer = cnnlab(*RUN, *own, "augment=[negative,randaugment]", "augment.negative.p=1")
    assert answer.code == 0, answer.err
    config = RunDir(answer.out.splitlines()[-1]).config()
    assert config["augment"]["negative"] == {"p": 1.0}
    assert list(config["augment"]) == ["negative", "randaugment"]
    for words, said in {
        "augment=[negativ]": "no augment 'negativ'; did you mean 'negative'?",
        "augment=[halve]": "augment=halve returns float32 (2, 1, 8, 8); it must return uint8 (2,",
        "augment=[fails]": "augment=fails fails on images of 8x8x1: RuntimeError",
        "data.augment.flip=true": "data=halves has no option 'augment'",
    }.items():
        answer = cnnlab(*RUN, *own, words)
        assert answer.code == 2
        assert said in answer.err
        assert len(answer.err.strip().splitlines()) == 1
    assert "augment.negative.p=0.5" in cnnlab("train", "--help", "--import", own[2]).out
