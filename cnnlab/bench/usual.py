"""The usual way, as tutorials have it: torchvision, PIL, a DataLoader, Lightning, torchmetrics.

Nothing in it is slow on purpose, and nothing is tuned: Lightning's defaults are left on, which
are its progress bar, its logger and a checkpoint of every epoch.
"""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, random_split
from torchmetrics.classification import MulticlassAccuracy
from torchvision.transforms import Compose, Normalize, ToTensor

from cnnlab.bench.timing import EpochClock
from cnnlab.data.dataset import ImageDataset, Images, Splits
from cnnlab.data.sets.downloaded import DownloadedDataset
from cnnlab.training.lightning_bridge import keyboard_interrupt

Example = tuple[Tensor, int]  # (C, H, W) normalised, and its class


class Classifier(pl.LightningModule):
    """A network under Lightning's automatic optimisation: SGD, the schedule stepped each batch."""

    def __init__(
        self, model: nn.Module, num_classes: int, *, lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__()
        self.model = model
        self.train_acc = MulticlassAccuracy(num_classes, average="micro")
        self.val_acc = MulticlassAccuracy(num_classes, average="micro")
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        self.train_acc(logits, labels)
        self.log("train_loss", loss, prog_bar=True)
        self.log("train_acc", self.train_acc, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, labels = batch
        logits = self.model(images)
        self.val_acc(logits, labels)
        self.log("val_loss", F.cross_entropy(logits, labels), prog_bar=True)
        self.log("val_acc", self.val_acc, prog_bar=True)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(
            self.parameters(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class Pictures(Dataset[Example]):
    """Images in memory that come one at a time, through PIL, as torchvision's data sets do."""

    def __init__(self, images: Images, transform: Compose) -> None:
        self.data = images.pixels.permute(0, 2, 3, 1).squeeze(-1).numpy()  # (N, H, W) or with C
        self.targets = images.labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Example:
        return self.transform(Image.fromarray(self.data[index])), int(self.targets[index])


def read(dataset: ImageDataset, splits: Splits) -> tuple[Dataset[Example], Dataset[Example]]:
    """Training and validation images: torchvision's own data set where it has one."""
    spec = dataset.spec
    transform = Compose([ToTensor(), Normalize(*spec.normalisation())])
    if not isinstance(dataset, DownloadedDataset):
        return Pictures(splits.train, transform), Pictures(splits.val, transform)
    original = getattr(torchvision.datasets, type(dataset).__name__)
    images = original(dataset.root, train=True, transform=transform)
    sizes = [len(splits.train), len(splits.val)]
    train, val, _ = random_split(images, [*sizes, len(images) - sum(sizes)])
    return train, val


def train(
    model: nn.Module,
    dataset: ImageDataset,
    splits: Splits,
    *,
    epochs: int,
    batch_size: int,
    eval_size: int,
    device: torch.device,
    **options: float,
) -> float:
    """Train ``model`` for ``epochs``; seconds without start-up.

    ``options`` are SGD's: lr, momentum and weight_decay.
    """
    train_images, val_images = read(dataset, splits)
    clock = EpochClock(device)
    with tempfile.TemporaryDirectory() as folder, _output_discarded():
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator=device.type,
            devices=1,
            default_root_dir=folder,
            callbacks=[clock],
        )
        with keyboard_interrupt(trainer):
            trainer.fit(
                Classifier(model, dataset.spec.num_classes, **options),
                DataLoader(train_images, batch_size, shuffle=True),
                DataLoader(val_images, eval_size),
            )
    return clock.seconds


@contextlib.contextmanager
def _output_discarded() -> Iterator[None]:
    """The bar is drawn and advice is printed, as by default, but into a discarded stream."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with open(os.devnull, "w") as sink, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                yield
    finally:
        logger.setLevel(level)
