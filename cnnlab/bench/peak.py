"""What the machine can do at most: the speed of a large matrix product, measured."""

import time
from collections.abc import Callable

import torch

FIRST, LARGEST_ON_CPU, LARGEST = 256, 2048, 8192  # rows and columns
LARGE_SECONDS = 0.05  # a product that takes so long need not be larger
SECONDS = 0.5
FEWEST = 3
DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}


def peak_flops(
    device: torch.device,
    dtype: torch.dtype,
    *,
    seconds: float = SECONDS,
    now: Callable[[], float] = time.perf_counter,
) -> float:
    """Floating point operations per second of the fastest of several products of square matrices.

    A product of n x n matrices is 2 n^3 operations. It uses torch's present threads and settings;
    float32 on a GPU is TensorFloat-32 where convolutions are, which is then the machine's limit.
    """
    precision = torch.get_float32_matmul_precision()
    if device.type == "cuda" and dtype == torch.float32 and torch.backends.cudnn.allow_tf32:
        torch.set_float32_matmul_precision("high")
    try:
        return _fastest(device, dtype, seconds, now)
    finally:
        torch.set_float32_matmul_precision(precision)


def _fastest(
    device: torch.device, dtype: torch.dtype, seconds: float, now: Callable[[], float]
) -> float:
    def product_seconds() -> float:
        begin = now()
        torch.mm(left, right, out=result)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        return now() - begin

    largest = LARGEST_ON_CPU if device.type == "cpu" else LARGEST
    size = FIRST
    while True:
        # random: a GPU takes less power, and so clocks higher, where all numbers are the same
        left, right = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
        result = torch.empty_like(left)
        product_seconds()  # libraries load, caches fill
        taken = product_seconds()
        if size >= largest or taken >= LARGE_SECONDS:
            break
        size *= 2
    times = [taken]
    while len(times) < FEWEST or sum(times) < seconds:
        times.append(product_seconds())
    return float(2 * size**3 / min(times))
