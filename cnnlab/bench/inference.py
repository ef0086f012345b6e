"""How many images a network takes per second in eval mode, in batches as evaluation has them."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn

from cnnlab.bench.spread import Spread
from cnnlab.data.dataset import Images
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.spec import ImageSpec

WARM_UP_CALLS = 2
BATCHES = 8  # different ones, used over and over


def inference_rates(
    model: nn.Module,
    images: Images,
    spec: ImageSpec,
    device: torch.device,
    batch_size: int,
    precision: AbstractContextManager[object],
    *,
    memory_format: torch.memory_format,
    rounds: int,
    seconds: float,
    now: Callable[[], float] = time.perf_counter,
) -> Spread:
    """Images per second: from bytes in memory to outputs, normalised on the way.

    Args:
        images: validation images; each batch is of the first of them.
        precision: is entered once around all passes: the run's autocast.
        rounds: measurements, each of ``seconds`` at least.
    """
    images = images.select(torch.arange(min(len(images), BATCHES * batch_size)))
    batches = MemoryBatches(images, spec, device, memory_format=memory_format)
    size = min(batch_size, len(images))
    whole = len(images) // size
    indices = torch.arange(whole * size, device=device).view(whole, size)

    def call(number: int) -> None:
        inputs, _ = batches(indices[number % whole])
        model(inputs)

    def timed(calls: int) -> float:
        begin = now()
        for number in range(calls):
            call(number)
        if device.type != "cpu":  # once for all of them
            torch.accelerator.synchronize(device)
        return now() - begin

    place = next((parameter.device for parameter in model.parameters()), device)
    model.to(device)
    try:
        with eval_mode(model), precision:
            timed(WARM_UP_CALLS)
            taken = max(timed(WARM_UP_CALLS) / WARM_UP_CALLS, 1e-9)
            calls = max(1, -(-int(1e6 * seconds) // max(1, int(1e6 * taken))))
            times = [timed(calls) for _ in range(rounds)]
    finally:
        model.to(place)
    return Spread([calls * size / each for each in times])
