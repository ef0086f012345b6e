"""The accuracy of trained classifiers on test images that were moved, turned or made noisy."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Images
from cnnlab.data.loading.datamodule import eval_batch_size
from cnnlab.data.loading.normalise import Normalise
from cnnlab.explain.image_changes import Change, background
from cnnlab.spec import ImageSpec

LEAST_BATCH = 32  # images; larger ones where images are small
Classifier = tuple[nn.Module, ImageSpec]  # in eval mode, and the images that it was trained on


def accuracy_under_change(
    classifiers: Sequence[Classifier], images: Images, change: Change, sizes: Sequence[float]
) -> Iterator[tuple[float, list[float]]]:
    """Each size with the accuracies, fractions of all images, in the order of the classifiers.

    Every classifier sees the same changed images, which are made once. Where a change can be made
    in several ways, as in four directions, accuracy is the mean over them. The models are moved to
    a GPU if there is one.

    Args:
        images: pixels uint8 (N, C, H, W), labels int64 (N,).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for model, _ in classifiers:
        model.to(device)
    fill = background(images.pixels).to(device)
    for size in sizes:
        right = torch.zeros(len(classifiers), dtype=torch.int64)
        variants = change.variants(size)
        for variant in range(variants):
            for inputs, labels in _changed(images, change, size, variant, fill):
                right += _right(classifiers, inputs, labels.to(device))
        yield size, (right.double() / (variants * len(images))).tolist()


def changed_examples(images: Images, index: int, change: Change, sizes: Sequence[float]) -> Tensor:
    """One image under each size of a change, float32 (S, C, H, W) in 0..1."""
    pixels = images.pixels[index : index + 1]
    fill = background(images.pixels)
    examples = [
        next(_changed(Images(pixels, images.labels[:1]), change, size, 0, fill))[0]
        for size in sizes
    ]
    return torch.cat(examples).clamp(0, 1)


def _changed(
    images: Images, change: Change, size: float, variant: int, fill: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of changed images in 0..1 on the device of ``fill``, and their labels."""
    generator = torch.Generator().manual_seed(variant)
    step = _batch_size(images)
    for first in range(0, len(images), step):
        part = slice(first, first + step)
        pixels = images.pixels[part].to(fill.device).float().div_(255)
        yield change.apply(pixels, size, variant, fill, generator), images.labels[part]


def _batch_size(images: Images) -> int:
    """Images of one pass, by their size alone: random numbers depend on nothing else."""
    channels, height, width = images.pixels.shape[1:]
    return eval_batch_size(ImageSpec(channels, height, width, num_classes=1), LEAST_BATCH)


def _right(classifiers: Sequence[Classifier], inputs: Tensor, labels: Tensor) -> Tensor:
    """The number of right answers of each classifier, int64, on the CPU."""
    normalised: dict[object, Tensor] = {}
    counts = []
    with torch.inference_mode():
        for model, spec in classifiers:
            key = spec.normalisation()
            if key not in normalised:
                normalised[key] = Normalise(spec, inputs.device)(255 * inputs)
            counts.append((model(normalised[key]).argmax(1) == labels).sum())
    return torch.stack(counts).cpu()
