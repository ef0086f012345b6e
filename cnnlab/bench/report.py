"""What ``cnnlab bench`` has measured of one configuration, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnnlab.bench.spread import Spread
from cnnlab.data.loading.test_time import NUM_VIEWS

OPERATIONS = 2  # floating point operations in a multiply-add
PASSES = 3  # a forward pass, and a backward pass of twice its cost


@dataclass(frozen=True)
class Report:
    """Measurements of one configuration on one machine.

    Attributes:
        model, data: their names.
        batch_size: images in a batch.
        accumulate: batches of one optimiser step.
        eval_batch_size: images in a batch of the inference.
        precision: in which it was really computed: 32, bf16 or 16.
        options: trainer options that decide the speed, as typed.
        params, macs: of the network; multiply-adds of one image.
        step: seconds of an optimiser step.
        split: each phase's part of it, which add up to 1; None where they cannot be told apart.
        inference: images per second in eval mode.
        latency: seconds of one image in eval mode.
        memory: ``peak_host_bytes`` and ``peak_device_bytes``, what is known of them.
        first_step: seconds from ``first_step_from`` to the end of the first optimiser step.
        peak: floating point operations per second of a large matrix product.
        environment: device, threads, versions.
    """

    model: str
    data: str
    batch_size: int
    accumulate: int
    eval_batch_size: int
    precision: str
    options: Mapping[str, str]
    params: int
    macs: int
    step: Spread
    split: Mapping[str, float] | None
    inference: Spread
    latency: float
    memory: Mapping[str, int]
    first_step: float
    first_step_from: str
    peak: float
    environment: Mapping[str, Any]

    @property
    def train(self) -> Spread:
        """Images per second in training."""
        return self.step.map(lambda seconds: self.batch_size * self.accumulate / seconds)

    @property
    def train_flops(self) -> float:
        """Floating point operations per second in training: of convolutions and products alone."""
        return self.train.median * self.macs * OPERATIONS * PASSES

    @property
    def inference_flops(self) -> float:
        """The same of forward passes, one for each view of ``trainer.tta``."""
        views = NUM_VIEWS[self.options.get("trainer.tta", "none")]
        return self.inference.median * self.macs * OPERATIONS * views

    @property
    def split_seconds(self) -> dict[str, float]:
        """What of the median step each phase takes; together they are the step."""
        return {name: part * self.step.median for name, part in (self.split or {}).items()}

    @property
    def place(self) -> str:
        """``Intel Xeon, 2 threads``: what it was measured on."""
        threads = self.environment["threads"]
        return f"{self.environment['device']}, {threads} thread{'' if threads == 1 else 's'}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON: names with their units, plain numbers."""
        return {
            "model": self.model,
            "data": self.data,
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "eval_batch_size": self.eval_batch_size,
            "precision": self.precision,
            "options": dict(self.options),
            "params": self.params,
            "macs": self.macs,
            "train_images_per_second": self.train.to_dict(),
            "inference_images_per_second": self.inference.to_dict(),
            "step_seconds": self.step.to_dict(),
            "step_split": None if self.split is None else dict(self.split),
            "step_split_seconds": self.split_seconds or None,
            "latency_seconds": self.latency,
            "peak_host_bytes": self.memory.get("peak_host_bytes"),
            "peak_device_bytes": self.memory.get("peak_device_bytes"),
            "first_step_seconds": self.first_step,
            "first_step_from": self.first_step_from,
            "train_flops_per_second": self.train_flops,
            "inference_flops_per_second": self.inference_flops,
            "peak_flops_per_second": self.peak,
            "train_share_of_peak": self.train_flops / self.peak,
            "inference_share_of_peak": self.inference_flops / self.peak,
            "environment": dict(self.environment),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Report":
        """What ``to_dict`` wrote."""
        names = ["model", "data", "batch_size", "accumulate", "eval_batch_size", "precision"]
        names += ["options", "params", "macs", "first_step_from", "environment"]
        memory = ("peak_host_bytes", "peak_device_bytes")
        return cls(
            **{name: found[name] for name in names},
            step=Spread(found["step_seconds"]["values"]),
            split=found["step_split"],
            inference=Spread(found["inference_images_per_second"]["values"]),
            latency=found["latency_seconds"],
            memory={name: found[name] for name in memory if found[name] is not None},
            first_step=found["first_step_seconds"],
            peak=found["peak_flops_per_second"],
        )
