"""Whether this CPU computes in bfloat16, and what to say to whom it may help.

Without such units torch emulates it, which is slower than 32 bit; with them it is often faster, but
not for every network. So nothing chooses it but a person.
"""

import functools
from collections.abc import Iterable
from pathlib import Path

from cnnlab.config.options import TrainerConfig
from cnnlab.training.trainer import trains_on_cpu

CPU_FILE = Path("/proc/cpuinfo")
# As Linux names them: AVX512-BF16 and AMX of x86, and the extension of ARM.
UNITS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
SUGGESTION = (
    "this CPU computes natively in bfloat16: trainer.precision=bf16 may be faster; "
    "cnnlab bench --tune measures whether, and what it costs in agreement with 32 bit"
)


@functools.cache
def has_native_bfloat16() -> bool:
    """Whether the processor has instructions for it; False where the system does not tell."""
    try:
        lines = CPU_FILE.read_text(errors="replace").splitlines()
    except OSError:
        return False
    listed = (line.partition(":") for line in lines if line.startswith(("flags", "Features")))
    return any(not UNITS.isdisjoint(names.split()) for _, _, names in listed)


def suggests_bfloat16(trainers: Iterable[TrainerConfig]) -> bool:
    """Whether one of these runs trains in 32 bit on a CPU that has bfloat16."""
    in_32_bit = (
        trains_on_cpu(options.accelerator) and options.precision in ("auto", "32")
        for options in trainers
    )
    return any(in_32_bit) and has_native_bfloat16()
