"""How long a step of training takes here, from a few real ones on random images in memory."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import ImageDataset, Images, Splits
from cnnlab.spec import ImageSpec
from cnnlab.training.assemble import assemble
from cnnlab.training.isolation import isolated
from cnnlab.training.module import TrainingModule
from cnnlab.training.trainer import trains_on_cpu
from cnnlab.training.wiring import wire

MOST_STEPS = 1000
TRAIN_PIXELS, EVAL_PIXELS = 2**24, 2**22  # bytes of the images to train and to evaluate on
# Multiply-adds that any core of these days does in a second or two. Where one step of all its
# images would be more (backward is twice forward), fewer are measured, as time grows with them.
MAX_MACS = 20e9
NOISE_LR = 1e-4  # learning rate: noise teaches nothing, and must not make the loss overflow


@dataclass(frozen=True)
class StepTime:
    """What one configuration's training costs in time on this machine, seconds.

    ``step`` is an optimiser step of all its micro-batches, ``evaluation`` one image of validation.
    """

    step: float
    evaluation: float
    measured: int  # steps, without the first, in which caches fill
    device: str


@isolated()
def measure_step(
    config: RunConfig,
    macs: int,
    *,
    seconds: float = 2.0,
    threads: int | None = None,
    most_steps: int = MOST_STEPS,
) -> StepTime:
    """Train on random images, by the loop that trains for real, and leave nothing behind.

    The model is not compiled: that alone takes longer. Of several devices one is measured, with
    its part of the batch.

    Args:
        macs: multiply-adds of one image.
        seconds: stop soon after these; a step to warm up and one more are always taken.
        threads: of torch's, as many as a job will have; None leaves them.
        most_steps: stop after this number, including the warm-up step.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    clock, devices, accumulate = Clock(), config.trainer.devices, config.trainer.accumulate
    batch_size = config.batch_size // devices
    requested, limit = batch_size * accumulate, MAX_MACS * torch.get_num_threads()
    if trains_on_cpu(config.trainer.accelerator) and 3 * macs * requested > limit:
        batch_size, accumulate = min(batch_size, max(2, int(limit / (3 * macs)))), 1
        most_steps = min(most_steps, 2)
    parts = assemble(config)
    for group in parts.optimizer.param_groups:
        group["lr"] = NOISE_LR
    taken = batch_size * accumulate
    splits = _random_splits(parts.dataset, at_least=taken, evaluable=int(limit / max(macs, 1)))
    measured_config = dataclasses.replace(
        config,
        batch_size=batch_size,
        trainer=dataclasses.replace(
            config.trainer,
            accumulate=accumulate,
            devices=1,
            compile=False,
            max_steps=most_steps,
            max_time=f"{max(seconds, 1e-6):.6f}s",
            max_eval_steps=None,
            checkpoint_every=None,
        ),
    )
    wiring = wire(
        measured_config,
        dataclasses.replace(parts, steps_per_epoch=len(splits.train) // taken, epochs=most_steps),
        splits,
        callbacks=[clock],
        chunk_seconds=seconds / 4,
    )
    wiring.trainer.fit(wiring.module, wiring.data)
    device = wiring.trainer.strategy.root_device
    step, measured = clock.mean(clock.steps)
    evaluation, _ = clock.mean(clock.evaluations)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return StepTime(step * requested / taken, evaluation / len(splits.val), measured, name)


class Clock(Callback):
    """Notes what took how long."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, float]] = []  # of each chunk, and its seconds
        self.evaluations: list[tuple[int, float]] = []
        self._seen = (0, 0.0)

    @staticmethod
    def mean(noted: list[tuple[int, float]]) -> tuple[float, int]:
        """Seconds of one, and of how many; the first entry counts only where it is all there is."""
        counts, seconds = zip(*(noted[1:] or noted), strict=True)
        return sum(seconds) / sum(counts), sum(counts)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.steps.append(self._since(trainer.lightning_module))

    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.evaluations.append((1, self._since(trainer.lightning_module)[1]))

    def _since(self, task: pl.LightningModule) -> tuple[int, float]:
        """Steps and seconds since the last look."""
        assert isinstance(task, TrainingModule)
        (steps, seconds), position = self._seen, task.position
        self._seen = position.global_step, position.seconds
        return position.global_step - steps, position.seconds - seconds


def _random_splits(dataset: ImageDataset, *, at_least: int, evaluable: int) -> Splits:
    """Noise in the place of the data set's images, in numbers that memory and time allow."""
    spec = dataset.spec
    train = max(at_least, min(dataset.num_train, TRAIN_PIXELS // spec.num_features))
    val = max(1, min(dataset.num_val, EVAL_PIXELS // spec.num_features, evaluable))
    evaluated = _noise(val, spec)
    return Splits(_noise(train, spec), evaluated, evaluated, digest="")


def _noise(count: int, spec: ImageSpec) -> Images:
    """``count`` random images; few of them are different, which costs less and shows in no time."""
    different = torch.randint(256, (min(count, 64), *spec.shape), dtype=torch.uint8)
    pixels = different.repeat(-(-count // len(different)), 1, 1, 1)[:count]  # (N, C, H, W)
    return Images(pixels, torch.randint(spec.num_classes, (count,)))
