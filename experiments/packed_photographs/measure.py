"""Training batches of 224x224 from photographs: packed once, against decoded in every epoch.

Makes JPEGs of 500x375 and measures images per second, in rounds that alternate: torchvision's
ImageFolder and transforms in a DataLoader without workers and with two, and the same random resized
crops, flips and normalisation from a packed folder. Then how long the second start of a run on it
takes, from the end of its imports to its first batch.

python experiments/packed_photographs/measure.py [--pictures 2000] [--rounds 5]
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from cnnlab.data.loading.chunks import ChunkLoader, Position
from cnnlab.data.loading.load import load_images
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.data.sets.folder import Augment, Folder
from cnnlab.training.malloc import keep_freed_memory

HERE = Path(__file__).parent
BATCH, SIZE, SHORTER = 128, 224, 256
OPTIONS = [
    "data=folder",
    f"data.size={SIZE}",
    "data.augment.random_resized_crop=[0.08,1]",
    "data.augment.flip=true",
]
# A start: its imports, and all that follows until the first batch is asked for.
START = f"""
import os, sys, time
import cnnlab, torch, torchvision, lightning.pytorch, hydra, PIL.Image, pandas, scipy.stats
from cnnlab.app import train
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.training import run
def ready(*_):
    print(time.perf_counter() - started, flush=True)
    os._exit(0)
MemoryBatches.__call__ = ready
started = time.perf_counter()
cnnlab.train([*{OPTIONS}, "data.root=" + sys.argv[1], "runs_dir=" + sys.argv[2],
    "model=lenet5", "trainer.accelerator=cpu", "trainer.epochs=1", "batch_size=32"])
"""


def make(folder: Path, count: int) -> float:
    """Write coloured shapes with noise, in two classes; the mean size of a file, in bytes."""
    random, sizes = np.random.default_rng(0), []
    for number in range(count):
        coarse = random.integers(0, 255, (24, 32, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
        noisy = np.asarray(smooth) + random.normal(0, 12, (375, 500, 3))
        path = folder / ("cat", "dog")[number % 2] / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        sizes.append(path.stat().st_size)
    return statistics.mean(sizes)


def decoded(folder: Path, workers: int) -> Iterator[torch.Tensor]:
    """An epoch as torchvision's users have it."""
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIZE),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    images = datasets.ImageFolder(str(folder), transform)
    loader = DataLoader(images, BATCH, shuffle=True, num_workers=workers, drop_last=True)
    return (inputs for inputs, _ in loader)


def packed(batches: MemoryBatches, count: int) -> Iterator[torch.Tensor]:
    """An epoch of as many images as the folder has."""
    loader = ChunkLoader(batches, Position(count // BATCH), BATCH, seed=0)
    for chunk in loader:
        for indices in chunk.indices.flatten(0, 1):
            yield chunk.batches(indices)[0]


def timed(epoch: Iterator[torch.Tensor]) -> dict[str, float]:
    """Images per second of wall time, and milliseconds of this process's CPU for each."""
    wall, own, count = time.perf_counter(), time.process_time(), 0
    for inputs in epoch:
        assert inputs.shape == (BATCH, 3, SIZE, SIZE), inputs.shape
        count += len(inputs)
    wall, own = time.perf_counter() - wall, time.process_time() - own
    return {"images/s": count / wall, "own CPU ms": 1000 * own / count}


def start_seconds(folder: Path, runs: Path) -> float:
    """From the end of the imports to the first batch, in a fresh process."""
    words = [sys.executable, "-c", START, str(folder), str(runs)]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(answer.stdout.split()[-1])


def measure(folder: Path, pictures: int, rounds: int) -> dict[str, object]:
    """All numbers."""
    size = make(folder / "photos", pictures)
    photos = folder / "photos"
    cnnlab = str(Path(sys.executable).with_name("cnnlab"))
    command = [cnnlab, "pack", str(photos), "--size", str(SHORTER)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    packing = time.perf_counter() - began
    augment = Augment(flip=True, random_resized_crop=(0.08, 1.0))
    data = Folder(root=str(photos), size=SIZE, augment=augment)
    splits = load_images(data)
    batches = MemoryBatches(splits.train, data.spec, "cpu", augment)
    ways: dict[str, Callable[[], Iterator[torch.Tensor]]] = {
        "decoded, no workers": lambda: decoded(photos, 0),
        "decoded, two workers": lambda: decoded(photos, 2),
        "packed": lambda: packed(batches, len(batches)),
    }
    keep_freed_memory()  # as every run has it
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    first = timed(ways["packed"]())  # the system maps the file into this process, page by page
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(timed(way()))
    speed = {name: [each["images/s"] for each in rows] for name, rows in found.items()}
    starts = [start_seconds(photos, folder / f"runs{number}") for number in range(3)]
    return {
        "pictures": pictures,
        "bytes of a JPEG": round(size),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "machine": platform.machine() + ", " + torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "first epoch": first,
        "rounds": found,
        "images/s": {name: statistics.median(values) for name, values in speed.items()},
        "times faster than decoding": {
            name: [p / d for p, d in zip(speed["packed"], values, strict=True)]
            for name, values in speed.items()
            if name != "packed"
        },
        "seconds of packing": packing,
        "seconds from imports to the first batch": starts[1:],
    }


def page(found: dict[str, object]) -> str:
    """The table of README.md."""
    speeds, ratios = found["images/s"], found["times faster than decoding"]
    assert isinstance(speeds, dict)
    assert isinstance(ratios, dict)
    rows = ["| 224x224 training batches | images/s | packed is faster by |", "|--|--:|--:|"]
    for name, speed in speeds.items():
        times = ratios.get(name)
        low, mid, high = (min(times), statistics.median(times), max(times)) if times else (0, 0, 0)
        faster = f"{mid:.1f} times ({low:.1f} to {high:.1f})" if times else ""
        rows.append(f"| {name} | {speed:,.0f} | {faster} |")
    starts, first = found["seconds from imports to the first batch"], found["first epoch"]
    assert isinstance(starts, list)
    assert isinstance(first, dict)
    return "\n".join(
        [
            "# Packed photographs",
            "",
            f"{found['pictures']:,} JPEGs of 500x375, {found['bytes of a JPEG']:,} bytes each; "
            f"random resized crop, flip, normalise; batches of {BATCH}; {found['cores']} cores, "
            f"{found['threads']} threads, {found['machine']}, torch {found['torch']}. Rounds "
            "alternate; medians, with the range over rounds.",
            "",
            *rows,
            "",
            f"The first epoch of a process from the pack has {first['images/s']:,.0f} images/s. "
            f"Packing took {found['seconds of packing']:.1f} s, once. A second start asks for its "
            f"first batch {max(starts):.1f} s after its imports.",
            "",
            "`python experiments/packed_photographs/measure.py` makes the pictures, measures, and "
            "writes this page and results.json.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write results.json and README.md."""
    options = argparse.ArgumentParser()
    options.add_argument("--pictures", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CNNLAB_DATA"] = str(Path(folder, "data"))
        found = measure(Path(folder), given.pictures, given.rounds)
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (HERE / "README.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
