"""A small learnable data set, a network with every source of randomness, and a run of the loop."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.data.dataset import Images, Splits
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.chunks import Position, steps_per_epoch
from cnnlab.data.loading.datamodule import ImageData
from cnnlab.spec import ImageSpec
from cnnlab.training.callbacks import MetricsFile
from cnnlab.training.checkpoint import RunCheckpoint
from cnnlab.training.optim import sgd
from cnnlab.training.schedule import Cosine, Schedule
from cnnlab.training.task import ClassifyTask
from cnnlab.training.trainer import make_trainer

SPEC = ImageSpec(1, 8, 8, 4, mean=(0.4,), std=(0.3,))
AUGMENT = Augment(crop=1, flip=True, cutout=2)


def images(count: int, seed: int) -> Images:
    """Noise whose bright quarter of the top row tells the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (count,), generator=generator)
    pixels = torch.randint(0, 160, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    for quarter in range(4):
        pixels[labels == quarter, 0, :4, 2 * quarter : 2 * quarter + 2] += 60
    return Images(pixels, labels)


SPLITS = Splits(images(331, 1), images(90, 2), images(70, 3), "0" * 12)


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),  # (N, 8, 8, 8)
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 8, 4, 4)
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(128, 4),
    )


@dataclass
class Run:
    """One training run in a folder; calling ``fit`` again goes on from its last.ckpt."""

    folder: Path
    epochs: int = 3
    batch_size: int = 16
    accumulate: int = 1
    chunk_steps: int = 50
    chunk_seconds: float | None = None
    gradient_clip: float | None = None
    augment: Augment | None = AUGMENT
    every: int | None = None
    keep: Any = "val_acc"
    max_steps: int | None = None
    max_seconds: float | None = None
    seed: int = 0
    optimizer: Callable[[Any], Optimizer] = sgd
    schedule: Callable[[int, int], Schedule] = Cosine
    splits: Splits = SPLITS
    callbacks: tuple[pl.Callback, ...] = ()
    task_options: tuple[tuple[str, Any], ...] = ()

    def fit(self) -> "Run":
        per_epoch = steps_per_epoch(len(self.splits.train), self.batch_size, self.accumulate)
        self.position = Position(per_epoch, self.max_steps, self.max_seconds)
        self.model = network(self.seed)
        self.task = ClassifyTask(
            self.model,
            self.optimizer(self.model.parameters()),
            self.schedule(self.epochs * per_epoch, per_epoch),
            self.position,
            seed=self.seed,
            gradient_clip=self.gradient_clip,
            **dict(self.task_options),
        )
        self.data = ImageData(
            self.splits,
            SPEC,
            self.position,
            batch_size=self.batch_size,
            seed=self.seed,
            accumulate=self.accumulate,
            augment=self.augment,
            checkpoint_every=self.every,
            chunk_steps=self.chunk_steps,
            chunk_seconds=self.chunk_seconds,
        )
        self.checkpoint = RunCheckpoint(self.folder, keep=self.keep, every=self.every)
        self.trainer = make_trainer(
            epochs=self.epochs,
            accelerator="cpu",
            callbacks=[*self.callbacks, MetricsFile(self.folder / "metrics.csv"), self.checkpoint],
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.folder / "last.ckpt"
        start = str(last) if last.exists() else None
        self.trainer.fit(self.task, self.data, ckpt_path=start, weights_only=True)
        return self

    def rows(self) -> list[dict[str, float]]:
        """metrics.csv without what a clock says."""
        header, *lines = (self.folder / "metrics.csv").read_text().splitlines()
        rows = [
            dict(zip(header.split(","), map(float, line.split(",")), strict=True)) for line in lines
        ]
        timed = ("seconds", "images_per_second")
        return [{name: row[name] for name in row if name not in timed} for row in rows]


def assert_same(first: Any, second: Any) -> None:
    """Equal to the last bit, through dictionaries and lists of tensors."""
    assert type(first) is type(second)
    if isinstance(first, Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


def assert_same_run(first: Run, second: Run) -> None:
    assert_same(dict(first.model.state_dict()), dict(second.model.state_dict()))
    assert_same(first.task.optimizer.state_dict(), second.task.optimizer.state_dict())
    assert first.rows() == second.rows()
    assert first.checkpoint.best == second.checkpoint.best
