"""The usual way, for as long as a recipe takes: torchvision, PIL, a DataLoader, a loop in torch.

python experiments/cpu_recipes/usual.py mnist 30      # 30 seconds, the test included
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision.transforms as T
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets

from cnnlab.models import LeNet5, ResNet
from cnnlab.spec import ImageSpec

ROOT = os.environ.get("CNNLAB_DATA", str(Path("~/.cache/cnnlab").expanduser()))
BATCH_SIZE, WORKERS = 128, 2
PEAK = {"mnist": 0.05, "cifar10": 0.1}  # learning rate: SGD, momentum 0.9, half a cosine over time
TEST_SHARE = 0.1  # of the time, at most, that is kept for the test


def sets(name: str) -> tuple[datasets.VisionDataset, datasets.VisionDataset]:
    """All training images, with the usual augmentation, and the test images."""
    if name == "mnist":
        plain = [T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]
        kind, changes = datasets.MNIST, []
    else:
        plain = [T.ToTensor(), T.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))]
        kind, changes = datasets.CIFAR10, [T.RandomCrop(32, 4), T.RandomHorizontalFlip()]
    train = kind(ROOT, train=True, transform=T.Compose([*changes, *plain]))
    return train, kind(ROOT, train=False, transform=T.Compose(plain))


def network(name: str) -> nn.Module:
    if name == "mnist":
        return LeNet5(ImageSpec(1, 28, 28, 10), activation="relu", pool="max")
    return ResNet(ImageSpec(3, 32, 32, 10), depth=20)


def train(model: nn.Module, loader: DataLoader, peak: float, end: float) -> int:
    """Train until ``end``, a time of the clock; the number of images seen."""
    begin, images = time.time(), 0
    optimizer = torch.optim.SGD(model.parameters(), lr=peak, momentum=0.9, weight_decay=5e-4)
    model.train()
    while True:
        for inputs, labels in loader:
            now = time.time()
            if now >= end:
                return images
            done = (now - begin) / (end - begin)
            optimizer.param_groups[0]["lr"] = peak * (1 + math.cos(math.pi * done)) / 2
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            images += len(labels)


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    right = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in loader)
    return right / len(loader.dataset)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", choices=PEAK)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begun", type=float, help="when the time began, by time.time()")
    given = parser.parse_args()
    begun = given.begun or time.time()
    torch.manual_seed(given.seed)
    train_set, test_set = sets(given.data)
    options = {"batch_size": BATCH_SIZE, "num_workers": WORKERS}
    loader = DataLoader(train_set, shuffle=True, drop_last=True, **options)
    model = network(given.data)
    end = begun + given.seconds - min(5.0, TEST_SHARE * given.seconds)
    images = train(model, loader, PEAK[given.data], end)
    found = {
        "test_acc": accuracy(model, DataLoader(test_set, **{**options, "batch_size": 1000})),
        "images": images,
        "seconds": time.time() - begun,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
