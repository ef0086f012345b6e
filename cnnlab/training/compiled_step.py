"""``trainer.compile``: the forward pass, the loss and their backward pass, compiled as one.

The optimiser's fused kernel stays outside, being one already, and so does what draws images, which
differs at every step. Validation and test run uncompiled: their batches have other sizes, for each
of which torch would compile again.
"""

import os
import shutil
import sys
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.config.options import CUDA_GRAPH_MODES, CompileMode, TrainerConfig
from cnnlab.registry import CnnlabError
from cnnlab.training.loop import LossAndCounts
from cnnlab.training.trainer import trains_on_cpu

# Of torch's modes: they and other options, which we need, exclude each other.
OPTIONS: dict[CompileMode, dict[str, Any]] = {
    True: {},
    "reduce-overhead": {"triton.cudagraphs": True},
    "max-autotune": {
        "max_autotune": True,
        "triton.cudagraphs": True,
        "coordinate_descent_tuning": True,
    },
}
# Dropout as it is drawn uncompiled, so that compiling changes no result but by rounding.
SAME_RANDOM_NUMBERS = {"fallback_random": True}
COMPILER = ("torch._dynamo", "torch._inductor")  # where the classes of its errors are
CXX = {"darwin": "clang++", "win32": "cl"}  # elsewhere g++


def compile_step(network: nn.Module, criterion: nn.Module, mode: CompileMode) -> LossAndCounts:
    """What a step computes of a batch, compiled at its first call.

    Raises:
        CnnlabError: (the returned function) it cannot be compiled.
    """
    torch.compiler.reset()  # else the ninth model of one class in a process runs uncompiled

    def loss_and_counts(inputs: Tensor, targets: Tensor) -> Any:
        return criterion(network(inputs), inputs, targets)

    compiled = torch.compile(loss_and_counts, dynamic=False, options=_options(mode))
    replays = mode in CUDA_GRAPH_MODES

    def call(inputs: Tensor, targets: Tensor) -> Any:
        if replays:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        try:
            return compiled(inputs, targets)
        except RuntimeError as error:
            if not any(kind.__module__.startswith(COMPILER) for kind in type(error).__mro__):
                raise
            raise CnnlabError(
                f"trainer.compile={str(mode).lower()}: torch cannot compile this network here: "
                f"{_reason(error)}; trainer.compile=false trains it"
            ) from error

    return call


def compile_network(network: nn.Module, mode: CompileMode) -> None:
    """Compile a network alone, without a wrapper: several devices wrap it themselves.

    It says so itself, for ``Evaluation``.
    """
    torch.compiler.reset()
    network.compile(options=_options(mode))
    network.is_compiled = True  # type: ignore[assignment]


def _options(mode: CompileMode) -> dict[str, Any]:
    return {**OPTIONS[mode], **SAME_RANDOM_NUMBERS}


def _reason(error: Exception) -> str:
    """Why, in a line: that of the C++ compiler's first error, where it ran."""
    inner = getattr(error, "inner_exception", error)
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    first = lines[0] if lines else type(inner).__name__
    return next((line for line in lines if "error: " in line), first)


def refuse_missing_compiler(options: TrainerConfig) -> None:
    """Refuse to compile where the tools for it are missing.

    Raises:
        CnnlabError: there is no C++ compiler, or for a GPU no Triton.
    """
    if not options.compile:
        return
    chosen = f"trainer.compile={str(options.compile).lower()}"
    if not trains_on_cpu(options.accelerator):
        if find_spec("triton") is None and torch.cuda.is_available():
            raise CnnlabError(f"{chosen} needs Triton on a GPU, which is not installed here")
        return
    name = os.environ.get("CXX") or CXX.get(sys.platform, "g++")
    if shutil.which(name) is None:
        raise CnnlabError(
            f"{chosen} needs a C++ compiler on a CPU, and there is no {name} here: "
            "install one, or name yours in CXX"
        )
