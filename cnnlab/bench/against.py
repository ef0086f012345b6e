"""``cnnlab bench --against``: epochs of cnnlab and of a reference, in turns, and their ratio."""

import dataclasses
import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table

from cnnlab.bench import bare, usual
from cnnlab.bench.measure import speed_options
from cnnlab.bench.timing import Contender, EpochClock, Ratio, Round, alternate, now, ratio, table
from cnnlab.bench.workload import Against, Workload
from cnnlab.data.loading.datamodule import eval_batch_size
from cnnlab.data.loading.load import accelerator_device
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import Assembly
from cnnlab.training.environment import device_name
from cnnlab.training.isolation import isolated
from cnnlab.training.lightning_bridge import keyboard_interrupt
from cnnlab.training.wiring import wire

AGAIN = "bare again"  # the control: what a ratio of 1 looks like here and now


@dataclass(frozen=True)
class Comparison:
    """Seconds of an epoch of each contender in each round, and what they were measured on.

    Attributes:
        options: what our side computes with and the references do not.
        machine: device, threads, versions.
    """

    against: Against
    workload: str
    options: str
    rounds: list[Round]
    machine: str

    @property
    def ratio(self) -> Ratio:
        """How many times as long the slower side is expected to take."""
        names = ("usual", "ours") if self.against == "usual" else ("ours", "bare")
        return ratio(self.rounds, *names)

    @property
    def control(self) -> Ratio:
        """The bare loop against itself."""
        return ratio(self.rounds, AGAIN, "bare")

    def lines(self) -> list[str | Table]:
        """What is printed."""
        return [
            f"One epoch of {self.workload}{self.options}",
            table(self.rounds),
            str(self.ratio),
            f"{self.control}, the control: 1.00 on an idle machine",
            f"Medians of the ratios in {len(self.rounds)} rounds (min to max). {self.machine}.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "against": self.against,
            "workload": self.workload,
            "epoch_seconds": self.rounds,
            "ratio": {**vars(self.ratio), "n": len(self.rounds)},
            "control": {**vars(self.control), "n": len(self.rounds)},
            "machine": self.machine,
        }


def compare(
    against: Against, workload: Workload, *, rounds: int, say: Callable[[str], None]
) -> Comparison:
    """Time epochs, with validation and without start-up.

    Args:
        rounds: measurements of each contender, of as many epochs as the workload's config has.
        say: takes a line of progress.
    """
    machine = _machine(workload)
    measured: list[Round] = []
    for seconds in alternate(contenders(against, workload), rounds):
        measured.append(seconds)
        times = "  ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
        say(f"round {len(measured)}/{rounds}  {times}")
    return Comparison(against, str(workload), _options(workload), measured, machine)


def _options(workload: Workload) -> str:
    """What our side alone uses, to be put behind the workload; empty where that is nothing."""
    options = speed_options(workload.config).items()
    found = " ".join(f"{key}={value}" for key, value in options)
    found = found.removeprefix("trainer.precision=32").strip()  # the references' too
    return f"; ours with {found}" if found else ""


def contenders(against: Against, workload: Workload) -> dict[str, Contender]:
    """Who takes turns: cnnlab and the reference next to each other, and the bare loop twice.

    Each is isolated, so that none is slowed down by what the one before left behind. Networks are
    on the device before the clock starts, and so are images, but for the usual way's.
    """
    config, splits = workload.config, workload.splits
    epochs, batch_size = config.epochs, config.batch_size
    device = accelerator_device(config.trainer.accelerator)
    sgd = {key: config.optim[key] for key in ("lr", "momentum", "weight_decay")}

    @isolated()
    def train_ours() -> float:
        return time_ours(workload.assemble(), workload) / epochs

    @isolated()
    def train_usual() -> float:
        torch.backends.cudnn.benchmark = True
        parts = workload.assemble()
        seconds = usual.train(
            parts.model,
            parts.dataset,
            splits,
            epochs=epochs,
            batch_size=batch_size,
            eval_size=eval_batch_size(parts.dataset.spec, batch_size),
            device=device,
            **sgd,
        )
        return seconds / epochs

    @isolated()
    def train_bare() -> float:
        torch.backends.cudnn.benchmark = True  # as ours has it
        parts = workload.assemble()
        model = parts.model.to(device)
        on_device = dataclasses.replace(
            splits, train=splits.train.to(device), val=splits.val.to(device)
        )
        start = now(device)
        bare.train(
            model,
            on_device,
            parts.dataset.spec,
            epochs=epochs,
            batch_size=batch_size,
            seed=config.seed,
            device=device,
            **sgd,
        )
        return (now(device) - start) / epochs

    first: dict[str, Contender] = {"usual": train_usual} if against == "usual" else {}
    return {**first, "ours": train_ours, "bare": train_bare, AGAIN: train_bare}


def time_ours(parts: Assembly, workload: Workload) -> float:
    """Train ``parts.model`` as a run does, with all that it records, in a temporary folder.

    Returns:
        seconds without start-up and without an epoch in which a network is compiled.
    """
    compiles = bool(workload.config.trainer.compile)
    device = accelerator_device(workload.config.trainer.accelerator)
    clock = EpochClock(device, skipped=int(compiles))
    if compiles:
        parts = dataclasses.replace(parts, epochs=parts.epochs + 1)
    with tempfile.TemporaryDirectory() as folder:
        wiring = wire(
            workload.config,
            parts,
            workload.splits,
            run_dir=RunDir(folder),
            callbacks=[clock],
            stream=io.StringIO(),
        )
        with keyboard_interrupt(wiring.trainer):
            wiring.trainer.fit(wiring.module, wiring.data)
    return clock.seconds


def _machine(workload: Workload) -> str:
    device = accelerator_device(workload.config.trainer.accelerator)
    parts = [device_name(device), f"torch {torch.__version__}"]
    parts.append(f"threads {torch.get_num_threads()}")
    if hasattr(os, "getloadavg"):  # Windows has none
        parts.append(f"load average before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return ", ".join(parts)
