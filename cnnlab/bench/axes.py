"""What ``cnnlab bench --tune`` varies, and which values make sense on this machine."""

import dataclasses
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from cnnlab.config.options import TrainerConfig

CPU_FILE = Path("/proc/cpuinfo")
NATIVE_BF16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}  # the last is of Arm
COMPILERS = ("g++", "clang++", "c++", "cl")


@dataclass(frozen=True)
class Axis:
    """One option of the trainer.

    Attributes:
        values: as typed; the first is plain 32-bit training without anything.
        left_out: which values are left out, and why; empty where none is.
    """

    values: tuple[str, ...]
    left_out: str = ""


def axes(device: torch.device) -> dict[str, Axis]:
    """The options that are varied, by their keys; the first one changes least often.

    An option that this version does not have is left out.
    """
    found = {
        "trainer.compile": _compile(device),
        "trainer.precision": _precision(device),
        "trainer.channels_last": Axis(("false", "true")),
    }
    known = {f"trainer.{field.name}" for field in dataclasses.fields(TrainerConfig)}
    return {key: axis for key, axis in found.items() if key in known}


def thread_counts(cores: int) -> list[int]:
    """Numbers of threads that are tried: 1, 2, 4 and so on, and all cores."""
    doubled = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return [*doubled, cores]


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _precision(device: torch.device) -> Axis:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Axis(("32", "bf16", "16"))
        return Axis(("32", "16"), "bf16: this GPU only emulates it")
    if computes_bf16(CPU_FILE):
        return Axis(("32", "bf16"))
    return Axis(
        ("32",), "bf16: this processor only emulates it; trainer.precision=32,bf16 tries it"
    )


def computes_bf16(file: Path) -> bool:
    """Whether the processor says that it computes in bfloat16; False where it does not tell."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return False
    features = (line.partition(":") for line in lines)
    return any(
        NATIVE_BF16 & set(value.split())
        for key, _, value in features
        if key.strip() in ("flags", "Features")
    )


def _compile(device: torch.device) -> Axis:
    if device.type == "cuda":
        there, what = importlib.util.find_spec("triton") is not None, "triton"
    else:
        there = any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS) if name)
        what = "C++ compiler"
    if there:
        return Axis(("false", "true"))
    return Axis(("false",), f"trainer.compile=true: this machine has no {what}")
