"""Augmented CIFAR-10 batches, ours and torchvision's way, on one core.

``python experiments/speed/augmentation.py`` writes augmentation.json beside this file. Both crop
with 4 pixels of padding, flip, cut out 8 x 8 pixels and normalise. torchvision transforms one PIL
image after another in a DataLoader without workers; ours makes batches from memory. They take turns
in one process with one thread, on noise of CIFAR-10's size, so no data set is needed.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from cnnlab.data import CIFAR10
from cnnlab.data.dataset import Images
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.training.environment import device_name

CUTOUT, NUM_IMAGES, IMAGES_EACH = 8, 50_000, (4_096, 512)  # of ours and theirs, in a round


class Cutout:
    """A square of zeros, cut off at the borders, as DeVries & Taylor's own code has it."""

    def __call__(self, image: Tensor) -> Tensor:
        _, height, width = image.shape
        y, x = (int(torch.randint(size, ())) for size in (height, width))
        half = CUTOUT // 2
        image[:, max(0, y - half) : y + half, max(0, x - half) : x + half] = 0
        return image


class PictureSet(Dataset[tuple[Tensor, int]]):
    """Arrays that become PIL images one by one, as in torchvision.datasets.CIFAR10."""

    def __init__(self, images: Images) -> None:
        self.arrays = images.pixels.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = images.labels.tolist()
        mean, std = CIFAR10.spec.mean, CIFAR10.spec.std
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
                Cutout(),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.arrays[index])), self.labels[index]


def measure(batch_size: int, rounds: int) -> dict[str, float]:
    """Images per second of both, and how many times faster ours are: medians and range."""
    generator = torch.Generator().manual_seed(0)
    size = (NUM_IMAGES, *CIFAR10.spec.shape)
    pixels = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
    images = Images(pixels, torch.randint(10, (NUM_IMAGES,), generator=generator))
    augment = Augment(crop=4, flip=True, cutout=CUTOUT)
    batches = MemoryBatches(images, CIFAR10.spec, "cpu", augment)
    order = torch.randperm(NUM_IMAGES, generator=generator)
    pictures = DataLoader(PictureSet(images), batch_size, shuffle=True)

    def ours(count: int) -> None:
        for indices in order[:count].split(batch_size):
            batches(indices)

    def theirs(count: int) -> None:
        for number, _ in enumerate(pictures, 1):
            if number * batch_size >= count:
                return

    ways = (ours, theirs)
    for way, count in zip(ways, IMAGES_EACH, strict=True):
        way(count)  # warm up
    rates = [
        [count / _seconds(way, count) for way, count in zip(ways, IMAGES_EACH, strict=True)]
        for _ in range(rounds)
    ]
    ratios = [own / their for own, their in rates]
    own, their = (statistics.median(column) for column in zip(*rates, strict=True))
    return {
        "batch_size": batch_size,
        "cnnlab_images_per_second": round(own),
        "torchvision_images_per_second": round(their),
        "times_faster": round(statistics.median(ratios), 1),
        "least": round(min(ratios), 1),
        "most": round(max(ratios), 1),
    }


def _seconds(way: Callable[[int], None], count: int) -> float:
    began = time.thread_time()  # what other programs take does not count
    way(count)
    return time.thread_time() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    record = {
        "device": device_name(torch.device("cpu")),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "rounds": options.rounds,
        "load_average": round(os.getloadavg()[0], 1),  # of the machine: other work slows both
        "measured": [measure(size, options.rounds) for size in (128, 512)],
    }
    text = json.dumps(record, indent=1)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n")
