"""What a data set holds, by its shape, its split and a few pixels; what an augmentation does."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from fingerprint_numbers import summary, wave
from PIL import Image

from cnnlab.data.dataset import Images
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.registry import Entry
from cnnlab.runs.essential import digest
from cnnlab.spec import ImageSpec


def dataset_fingerprint(entry: Entry) -> dict[str, Any]:
    component: Any = entry.component
    if issubclass(component, DownloadedDataset):
        with mock.patch.multiple(component, _read=_many_images, ensure_files=lambda _: None):
            dataset = component()
            splits = dataset.load()
        return {"spec": _spec(dataset.spec), **_split(splits)}
    with tempfile.TemporaryDirectory() as folder:
        if entry.name == "folder":
            _pictures(Path(folder), ("ant", "bee", "cat"), 12)
            dataset = component(root=folder, size=8)
        elif entry.name == "imagenet":
            _pictures(Path(folder) / "train", ("n1", "n2", "n3"), 10)
            _pictures(Path(folder) / "val", ("n1", "n2", "n3"), 2)
            spec = dataclasses.replace(component.spec, num_classes=3, class_names=())
            few = {"spec": spec, "num_images": 30, "num_val": 6}
            dataset = type("Few", (component,), few)(root=folder, size=8)
        else:
            dataset = component()
        return {"spec": _spec(dataset.spec), **_split(dataset.load(), pixels=True)}


def _many_images(dataset: Any, *_: Any, **__: Any) -> tuple[Images, Images]:
    """As many labels as there really are, over pixels that do not matter."""
    labels = (torch.arange(dataset.num_images) * 7) % dataset.spec.num_classes
    pixels = torch.zeros(len(labels), 1, 1, 1, dtype=torch.uint8)
    return Images(pixels, labels), Images(pixels[:100], labels[:100])


def _pictures(top: Path, names: tuple[str, ...], count: int) -> None:
    """Class folders of pictures 24 wide and 16 high, each of its own colours."""
    for number, name in enumerate(names):
        (top / name).mkdir(parents=True)
        for i in range(count):
            values = (wave((16, 24, 3), 0.1 + number + i / count) * 127 + 128).to(torch.uint8)
            Image.fromarray(values.numpy()).save(top / name / f"{i:02}.png")


def _spec(spec: ImageSpec) -> list[Any]:
    names = digest(spec.class_names)
    return [*spec.shape, spec.num_classes, names, *map(float, (*spec.mean, *spec.std))]


def _split(splits: Any, *, pixels: bool = False) -> dict[str, Any]:
    parts = (splits.train, splits.val, splits.test)
    found: dict[str, Any] = {"images": [len(part) for part in parts], "split": splits.digest}
    if pixels:
        found["labels"] = [part.labels[:8].tolist() for part in parts]
        found["batch"] = [summary(part.pixels[:8].double() / 255) for part in parts]
    return found


def augmentation_fingerprint(entry: Entry) -> dict[str, Any]:
    """What becomes of 64 images under one seed, on the CPU."""
    spec = ImageSpec(3, 24, 24, 10)
    pixels = (wave((64, *spec.shape), 0.7) * 127 + 128).to(torch.uint8)
    torch.manual_seed(0)
    changed = entry.component(spec)(pixels).double() / 255
    return {"images": [summary(part) for part in changed.split(16)]}
