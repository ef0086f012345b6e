"""Keep what one job sets for its process from reaching the next job in the same process."""

import contextlib
import gc
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator

import numpy as np
import torch

from cnnlab.training.malloc import return_freed_memory
from cnnlab.training.stopping import SIGNALS


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Restore random states, flags, threads, environment and signal handlers; free memory."""
    environment = dict(os.environ)
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    tf32 = torch.backends.cudnn.allow_tf32
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    dtype = torch.get_default_dtype()
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {s: signal.getsignal(s) for s in SIGNALS}
    gc.freeze()  # what was there before the job need not be searched after it
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(environment)
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        torch.backends.cudnn.allow_tf32 = tf32
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.set_default_dtype(dtype)
        if "torch._dynamo" in sys.modules:  # compiled code holds the tensors of its CUDA graphs
            torch.compiler.reset()
        gc.collect()
        gc.unfreeze()
        return_freed_memory()
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
