"""``trainer.profile=true``: torch's profiler on a few steps, once training has warmed up."""

import sys
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch.profiler import ProfilerActivity

from cnnlab.data.loading.chunks import ChunkLoader
from cnnlab.runs.durable import write_text
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.limits import PROFILED, PROFILER_STEPS, PROFILER_WARMUP

ROWS = 40  # of the table


class Profile(Callback):
    """Writes a table of operators and a trace of steps 4 to 8, in which caches are warm.

    Until then every chunk must be one step.

    Args:
        chunk_steps: the longest chunk afterwards.
    """

    def __init__(self, run: RunDir, chunk_steps: int) -> None:
        self.run = run
        self.chunk_steps = chunk_steps
        self._steps = 0
        self._profiler: torch.profiler.profile | None = None

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if not trainer.is_global_zero:
            return
        activities = [ProfilerActivity.CPU]
        if trainer.strategy.root_device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self._profiler = torch.profiler.profile(
            activities=activities,
            schedule=torch.profiler.schedule(
                wait=PROFILER_STEPS - PROFILER_WARMUP - PROFILED,
                warmup=PROFILER_WARMUP,
                active=PROFILED,
                repeat=1,
            ),
            on_trace_ready=self._write,
            record_shapes=True,
            profile_memory=True,
            acc_events=True,
        )
        self._profiler.start()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._steps += 1
        if self._profiler is not None:
            self._profiler.step()
        if self._steps == PROFILER_STEPS:
            self._stop()
            loader = trainer.train_dataloader
            assert isinstance(loader, ChunkLoader)
            loader.chunk_steps = self.chunk_steps  # on all devices at the same step

    def on_train_end(self, *_: Any) -> None:
        if self._profiler is not None:
            print(f"trainer.profile: fewer than {PROFILER_STEPS} steps were left", file=sys.stderr)
        self._stop()

    def on_exception(self, *_: Any) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._profiler is not None:
            profiler, self._profiler = self._profiler, None
            profiler.stop()

    def _write(self, profiler: torch.profiler.profile) -> None:
        if self._steps < PROFILER_STEPS:  # stopped while it was recording
            return
        on_gpu = ProfilerActivity.CUDA in profiler.activities
        by = "self_device_time_total" if on_gpu else "self_cpu_time_total"
        table = profiler.key_averages().table(sort_by=by, row_limit=ROWS)
        write_text(self.run.profile_file, f"{PROFILED} optimiser steps\n{table}\n")
        profiler.export_chrome_trace(str(self.run.trace_file))
        print(
            f"profile of {PROFILED} steps: {self.run.profile_file}; the timeline in "
            f"{self.run.trace_file.name} opens in chrome://tracing or ui.perfetto.dev",
            file=sys.stderr,
        )
