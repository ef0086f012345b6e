"""``cnnlab bench``: epochs of cnnlab and of a reference, in turns, and what their ratio is."""

import io
import os
import sys
import tempfile
import time

import torch
from rich.console import Console

from cnnlab.bench import bare, standard
from cnnlab.bench.timing import Contender, EpochClock, alternate, ratio, table
from cnnlab.bench.workload import Against, Workload
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import Assembly
from cnnlab.training.isolation import isolated
from cnnlab.training.wiring import wire

AGAIN = "bare again"  # the control: what a ratio of 1 looks like here and now


def bench(against: Against, workload: Workload, *, rounds: int) -> None:
    """Time epochs, with validation and without start-up; print seconds, ratio and control.

    Args:
        rounds: measurements of each contender, of as many epochs as the workload's config has.
    """
    machine = _machine()
    measured = []
    for seconds in alternate(contenders(against, workload), rounds):
        measured.append(seconds)
        times = "  ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
        print(f"round {len(measured)}/{rounds}  {times}", file=sys.stderr, flush=True)
    names = ("standard", "ours") if against == "standard" else ("ours", "bare")
    print(f"One epoch of {workload}")
    Console().print(table(measured))
    print(ratio(measured, *names))
    print(f"{ratio(measured, AGAIN, 'bare')}, the control: 1.00 on an idle machine")
    print(f"Medians of the ratios in {rounds} rounds (min to max). {machine}.")


def contenders(against: Against, workload: Workload) -> dict[str, Contender]:
    """Who takes turns: cnnlab and the reference next to each other, and the bare loop twice.

    Each is isolated, so that none is slowed down by what the one before left behind.
    """
    config, splits = workload.config, workload.splits
    epochs, batch_size = config.epochs, config.batch_size
    sgd = {key: config.optim[key] for key in ("lr", "momentum", "weight_decay")}

    @isolated()
    def train_ours() -> float:
        return time_ours(workload.assemble(), workload) / epochs

    @isolated()
    def train_standard() -> float:
        parts = workload.assemble()
        seconds = standard.train(
            parts.model, parts.dataset, splits, epochs=epochs, batch_size=batch_size, **sgd
        )
        return seconds / epochs

    @isolated()
    def train_bare() -> float:
        parts = workload.assemble()
        start = time.perf_counter()
        bare.train(
            parts.model,
            splits,
            parts.dataset.spec,
            epochs=epochs,
            batch_size=batch_size,
            seed=config.seed,
            **sgd,
        )
        return (time.perf_counter() - start) / epochs

    first: dict[str, Contender] = {"standard": train_standard} if against == "standard" else {}
    return {**first, "ours": train_ours, "bare": train_bare, AGAIN: train_bare}


def time_ours(parts: Assembly, workload: Workload) -> float:
    """Train ``parts.model`` as a run does, with all that it records, in a temporary folder.

    Returns:
        seconds without start-up.
    """
    clock = EpochClock()
    with tempfile.TemporaryDirectory() as folder:
        wiring = wire(
            workload.config,
            parts,
            workload.splits,
            run_dir=RunDir(folder),
            callbacks=[clock],
            stream=io.StringIO(),
        )
        wiring.trainer.fit(wiring.module, wiring.data)
    return clock.seconds


def _machine() -> str:
    parts = [f"torch {torch.__version__}", f"threads {torch.get_num_threads()}"]
    if hasattr(os, "getloadavg"):  # Windows has none
        parts.append(f"load average before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return ", ".join(parts)
