"""A small learnable data set, a network with every source of randomness, and a run of the loop."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.config import schema
from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.data.dataset import ImageDataset, Images, Splits, overfit_splits
from cnnlab.data.loading.augment import NO_AUGMENT, Augment, BatchAugmentation
from cnnlab.data.loading.chunks import steps_per_epoch
from cnnlab.discovery import discover
from cnnlab.registry import LOSSES
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.training.assemble import Assembly
from cnnlab.training.optim import sgd
from cnnlab.training.param_groups import trained_parameters
from cnnlab.training.schedule import Cosine, Schedule
from cnnlab.training.wiring import wire

discover()
SPEC = ImageSpec(1, 8, 8, 4, mean=(0.4,), std=(0.3,))
SGD = partial(sgd, lr=0.05)
COSINE = partial(Cosine, warmup_epochs=0)
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


class SmallDataset(ImageDataset):
    """``splits`` as a data set."""

    spec = SPEC

    def __init__(self, splits: Splits, augment: Augment | None) -> None:
        self.splits = splits
        self.augment = augment or NO_AUGMENT
        self.num_train, self.num_val = len(splits.train), len(splits.val)

    def load(self) -> Splits:
        return self.splits


def cross_entropy(**options: Any) -> dict[str, Any]:
    """The default loss, complete, with these options."""
    return schema.resolve(LOSSES, {"name": "cross_entropy", **options})


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
    keep: Any = "auto"
    max_steps: int | None = None
    max_seconds: float | None = None
    max_eval_steps: int | None = None
    val_every: int = 1
    overfit: int | None = None
    profile: bool = False
    early_stopping: int | None = None
    registered: tuple[BatchAugmentation, ...] = ()
    seed: int = 0
    precision: Any = "auto"
    channels_last: Any = "auto"
    compile: Any = False
    devices: int = 1
    loss: dict[str, Any] = field(default_factory=cross_entropy)
    optimizer: Callable[[Any], Optimizer] = SGD
    schedule: Callable[[int, int], Schedule] = COSINE
    splits: Splits = SPLITS
    callbacks: tuple[pl.Callback, ...] = ()
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    logger: tuple[str, ...] = ()
    stream: TextIO = field(default_factory=io.StringIO)  # of its progress
    title: str = ""

    def config(self) -> RunConfig:
        """Names a registered classifier in the place of ``network``, so that its task is known."""
        trainer = TrainerConfig(
            epochs=self.epochs,
            max_steps=self.max_steps,
            max_time=None if self.max_seconds is None else f"{self.max_seconds:.6f}s",
            precision=self.precision,
            channels_last=self.channels_last,
            compile=self.compile,
            accelerator="cpu",
            devices=self.devices,
            deterministic=True,
            gradient_clip=self.gradient_clip,
            accumulate=self.accumulate,
            checkpoint=self.keep,
            checkpoint_every=self.every,
            max_eval_steps=self.max_eval_steps,
            val_every=self.val_every,
            overfit=self.overfit,
            profile=self.profile,
            early_stopping=self.early_stopping,
        )
        return RunConfig(
            model={"name": "mlp"},
            data={"name": "digits"},
            optim={"name": "sgd"},
            schedule={"name": "cosine"},
            loss=self.loss,
            trainer=trainer,
            seed=self.seed,
            batch_size=self.batch_size,
            logger={name: {} for name in self.logger},
            metrics=self.metrics,
        )

    def fit(self) -> "Run":
        config = self.config()
        per_epoch = steps_per_epoch(len(self.splits.train), self.batch_size, self.accumulate)
        total = self.epochs * per_epoch
        self.model = network(self.seed)
        splits = self.splits
        if self.overfit is not None:
            splits = overfit_splits(splits, self.overfit * self.batch_size)
        parts = Assembly(
            config,
            SmallDataset(self.splits, self.augment),
            self.model,
            frozenset(),
            self.optimizer(trained_parameters(self.model)),
            self.schedule(total, per_epoch),
            config.task,
            per_epoch,
            total,
            self.epochs,
            self.registered,
        )
        run_dir = RunDir(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        wiring = wire(
            config,
            parts,
            splits,
            run_dir=run_dir,
            callbacks=self.callbacks,
            title=self.title,
            stream=self.stream,
            chunk_steps=self.chunk_steps,
            chunk_seconds=self.chunk_seconds,
        )
        self.module, self.data, self.trainer = wiring.module, wiring.data, wiring.trainer
        self.checkpoint, self.position = wiring.checkpoint, wiring.module.position
        last = run_dir.last_checkpoint
        start = last if last.exists() else None
        self.trainer.fit(self.module, self.data, ckpt_path=start, weights_only=True)
        return self

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def rows(self) -> list[dict[str, float]]:
        """metrics.csv without what a clock says."""
        header, *lines = (self.folder / "metrics.csv").read_text().splitlines()
        rows = [
            dict(zip(header.split(","), map(float, line.split(",")), strict=True)) for line in lines
        ]
        timed = ("seconds", "images_per_second")
        return [{name: row[name] for name in row if name not in timed} for row in rows]


class AccidentError(Exception):
    pass


class CrashAt(pl.Callback):
    """Raises in the hook of that name, once training has done so many steps."""

    def __init__(self, hook: str, step: int) -> None:
        self.step = step
        setattr(self, hook, self._crash)

    def _crash(self, trainer, *_) -> None:
        if trainer.global_step >= self.step:
            raise AccidentError


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
    assert_same(first.module.optimizer.state_dict(), second.module.optimizer.state_dict())
    assert first.rows() == second.rows()
    assert first.checkpoint is not None
    assert second.checkpoint is not None
    assert first.checkpoint.best == second.checkpoint.best
