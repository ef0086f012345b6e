"""What ``cnnlab bench --tune`` varies, and which values make sense on this machine."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from cnnlab.config.options import TrainerConfig
from cnnlab.data.loading.load import accelerator_device
from cnnlab.registry import CnnlabError
from cnnlab.training.compiled_step import refuse_missing_compiler
from cnnlab.training.cpu_bfloat16 import has_native_bfloat16
from cnnlab.training.trainer import trains_on_cpu

Accelerator = Literal["auto", "cpu", "gpu", "mps"]


@dataclass(frozen=True)
class Axis:
    """One option of the trainer.

    Attributes:
        values: as typed; the first is plain 32-bit training without anything.
        left_out: which values are left out, and why; empty where none is.
    """

    values: tuple[str, ...]
    left_out: str = ""


def axes(accelerator: Accelerator) -> dict[str, Axis]:
    """The options that are varied, by their keys; the first one changes least often."""
    return {
        "trainer.compile": _compile(accelerator),
        "trainer.precision": _precision(accelerator),
        "trainer.channels_last": Axis(("false", "true")),
    }


def thread_counts(cores: int) -> list[int]:
    """Numbers of threads that are tried: 1, 2, 4 and so on, and all cores."""
    doubled = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return [*doubled, cores]


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _precision(accelerator: Accelerator) -> Axis:
    if accelerator_device(accelerator).type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Axis(("32", "bf16", "16"))
        return Axis(("32", "16"), "bf16: this GPU only emulates it")
    if has_native_bfloat16():
        return Axis(("32", "bf16"))
    return Axis(
        ("32",), "bf16: this processor only emulates it; trainer.precision=32,bf16 tries it"
    )


def _compile(accelerator: Accelerator) -> Axis:
    try:
        refuse_missing_compiler(TrainerConfig(compile=True, accelerator=accelerator))
    except CnnlabError as error:
        return Axis(("false",), str(error))
    on_cpu = trains_on_cpu(accelerator)
    return Axis(("false", "true") if on_cpu else ("false", "true", "reduce-overhead"))
