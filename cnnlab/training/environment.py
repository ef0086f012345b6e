"""What a run runs on: env.json, columns of the result, and the line before the training."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from cnnlab.data.dataset import Splits
from cnnlab.runs.job import Job
from cnnlab.text import precision_option, si

CPU_FILE = Path("/proc/cpuinfo")
CHANGES = ("git", "status", "--porcelain", "--untracked-files=no")
PACKAGES = ("cnnlab", "torch", "torchvision", "lightning", "hydra-core", "numpy", "scikit-learn")


def describe(trainer: pl.Trainer) -> dict[str, Any]:
    """Versions, device, precision really used, threads, git commit and command."""
    device = trainer.strategy.root_device
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": device_name(device),
        "devices": trainer.num_devices * trainer.num_nodes,
        "precision": str(trainer.precision),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "git": _git(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def result_columns(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What ``describe`` found, as flat columns for the comparison of runs; what is unknown is left
    out.
    """
    git, packages = environment["git"], environment["packages"]
    found = {name: environment[name] for name in ("device", "threads", "devices")}
    found |= {name: packages[name] for name in ("torch", "cnnlab")}
    if git is not None:
        found["commit"] = git["commit"][:12] + ("+changes" if git["dirty"] else "")
    return {name: value for name, value in found.items() if value is not None}


def device_name(device: torch.device) -> str:
    """The name of a CUDA GPU or of the processor; of another device its type, ``mps``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    try:
        lines = CPU_FILE.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine()


def describe_run(job: Job, splits: Splits, trainer: pl.Trainer) -> str:
    """``lenet5, 61.7k parameters; mnist5k, 3,500 training images; cpu, precision 32``."""
    device = trainer.strategy.root_device.type
    parts = [(trainer.num_nodes, "nodes x "), (trainer.num_devices, "x ")]
    several = "".join(f"{number} {times}" for number, times in parts if number > 1)
    return (
        f"{job.choices['model']}, {si(job.cost.params)} parameters; "
        f"{job.config.data['name']}, {len(splits.train):,} training images; "
        f"{several}{device}, precision {precision_option(trainer.precision)}"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """Commit of the working directory's repository, and whether its files differ from that.

    Files that the repository does not have, such as the run folders, do not count.
    """
    try:
        commit = _output("git", "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_output(*CHANGES))}
    except (OSError, subprocess.SubprocessError):
        return None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
