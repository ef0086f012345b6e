"""How long a trained network takes for one image."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode

WARM_UP = (10, 0.1)  # calls, and the seconds after which fewer are enough
TIMED = (100, 0.2)
FEWEST = 3  # timed calls, of a network however slow


def single_image_latency(
    model: nn.Module,
    image: Tensor,
    precision: AbstractContextManager[object] | None = None,
    *,
    is_compiled: bool = False,
) -> float:
    """The median time of a forward pass of one image in eval mode, in seconds, after a warm-up.

    A compiled model is measured as it is without compilation: for another batch size it would be
    compiled again, which takes seconds. The model keeps its device and the modes of its modules,
    and the random generators of torch their states. It takes about 0.3 s at most, but for
    networks that need more than that for four images.

    Args:
        model: called with ``image``.
        image: (1, C, H, W), normalised, on the device that is measured.
        precision: is entered once around all passes: autocast, such as that of the run.
    """
    device = image.device
    devices = [device] if device.type == "cuda" else []
    place = next((parameter.device for parameter in model.parameters()), device)
    uncompiled = torch.compiler.set_stance("force_eager") if is_compiled else nullcontext()

    def call() -> None:
        model(image)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)

    model.to(device)
    try:
        with (
            torch.random.fork_rng(devices),
            eval_mode(model),
            precision or nullcontext(),
            uncompiled,
        ):
            _times(call, *WARM_UP, fewest=1)
            return float(np.median(_times(call, *TIMED, fewest=FEWEST)))
    finally:
        model.to(place)


def _times(call: Callable[[], None], calls: int, seconds: float, *, fewest: int) -> list[float]:
    """The seconds of each of some calls: no more once ``seconds`` are over, but ``fewest``."""
    times: list[float] = []
    begin = last = time.perf_counter()
    while len(times) < calls and (len(times) < fewest or last - begin < seconds):
        call()
        now = time.perf_counter()
        times.append(now - last)
        last = now
    return times
