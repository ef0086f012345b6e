"""An exported file compared with the network that it was made from, on real images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.load import load_images
from cnnlab.data.loading.normalise import Normalise
from cnnlab.data.picture import read_pictures
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.data.sets.folder import Folder
from cnnlab.data.sets.imagenet import ImageNet
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.registry import CnnlabError
from cnnlab.text import first_line

if TYPE_CHECKING:
    from cnnlab.inference.load import Run

MOST_IMAGES = 1000
MOST_MACS = 2e12  # of the comparison: about a minute of two cores
FEWEST_IMAGES = 16
BATCH = 50


@dataclass(frozen=True)
class Comparison:
    """How far an exported network is from the original.

    Attributes:
        images: which they were: ``1,000 test images``.
        count: their number.
        difference: the largest one of an output; NaN where one is not finite.
        largest: the largest output of the original, without its sign.
        agreement: the share of images with the same most probable class; None without classes.
    """

    images: str
    count: int
    difference: float
    largest: float
    agreement: float | None


def compare(run: "Run", exported: Callable[[Tensor], Tensor]) -> Comparison:
    """Compare outputs for test images of the run, or for random ones where its data are not here.

    The first batch has one image alone, so that batches of several sizes are tried.
    """
    pixels, images = check_images(run)
    normalise, same = Normalise(run.spec), 0
    differences, outputs = list[Tensor](), list[Tensor]()
    sizes = [1, *(len(part) for part in torch.split(pixels[1:], BATCH) if len(part))]
    for part in torch.split(pixels, sizes):
        inputs = normalise(part)
        with eval_mode(run.model):
            expected, found = run.model(inputs).float(), exported(inputs).float()
        if expected.shape != found.shape:
            raise CnnlabError(f"its outputs are {tuple(found.shape)}, not {tuple(expected.shape)}")
        differences.append((expected - found).abs().max())
        outputs.append(expected.abs().max())
        same += int((expected.argmax(1) == found.argmax(1)).sum()) if expected.ndim == 2 else 0
    agreement = same / len(pixels) if run.config.task.name == "classify" else None
    difference, largest = (torch.stack(each).max().item() for each in (differences, outputs))
    return Comparison(images, len(pixels), difference, largest, agreement)


def check_images(run: "Run") -> tuple[Tensor, str]:
    """At most 1,000 images, uint8 (N, C, H, W), fewer for a large network; and what they are."""
    count = int(MOST_MACS / max(1.0, float(run.result.get("macs", 1))))
    count = min(MOST_IMAGES, max(FEWEST_IMAGES, count))
    try:
        pixels = _test_images(run.dataset, count)
        if tuple(pixels.shape[1:]) != run.spec.shape:
            raise CnnlabError(f"they are of {tuple(pixels.shape[1:])} pixels")
        return pixels, f"{len(pixels):,} test images"
    except (CnnlabError, OSError) as error:
        generator = torch.Generator().manual_seed(0)
        shape = (FEWEST_IMAGES, *run.spec.shape)
        pixels = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        return pixels, f"{len(pixels)} random images, as no test images: {first_line(error)}"


def _test_images(dataset: ImageDataset, count: int) -> Tensor:
    """The first test images, nothing downloaded for them and of own pictures no others decoded.

    Raises:
        CnnlabError: they are not here, or cannot be read.
    """
    if isinstance(dataset, DownloadedDataset) and not (dataset.root / dataset.folder).is_dir():
        raise CnnlabError(f"none in {dataset.root / dataset.folder}")
    if not isinstance(dataset, Folder | ImageNet) or dataset.parts is None:
        test = load_images(dataset).test
        return test.read(torch.arange(min(count, len(test))))
    files = [path for path, _ in dataset.parts["test"]]
    step = max(1, len(files) // count)
    spec = dataset.spec
    fit = dataset.stored.square(spec.height)
    pixels, broken = read_pictures(
        files[::step][:count], spec.height, 1 if spec.channels == 1 else 3, fit
    )
    whole = [index for index in range(len(pixels)) if index not in broken]
    if not whole:
        raise CnnlabError("none can be read")
    return pixels[whole]
