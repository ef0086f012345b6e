"""``hydra/launcher=submitit_local``, ``submitit_slurm``: a process or a SLURM task for each job."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import submitit

from cnnlab.runs.state import RunState
from cnnlab.sweep.launchers.engine import Ended, last_line
from cnnlab.sweep.launchers.options import SubmititLocal, SubmititSlurm
from cnnlab.sweep.launchers.worker import WorkItem, run_work_item

POLL_SECONDS = 0.2  # seconds
NO_LIMIT = 1_000_000  # the cluster has its own queue


class SubmititEngine:
    """Submitit's executor; its own files are written to ``folder``."""

    def __init__(
        self, options: SubmititLocal | SubmititSlurm, folder: Path, max_parallel: int = NO_LIMIT
    ) -> None:
        self.max_parallel = max_parallel
        self.takes_signals = isinstance(options, SubmititLocal)
        self._jobs: dict[submitit.Job[RunState | None], WorkItem] = {}
        self._executor = submitit.AutoExecutor(
            folder, cluster="local" if self.takes_signals else "slurm"
        )
        self._executor.update_parameters(**_parameters(options))

    def submit(self, items: Sequence[WorkItem]) -> None:
        with self._executor.batch():  # on SLURM one job array
            jobs = [self._executor.submit(run_work_item, item) for item in items]
        self._jobs |= dict(zip(jobs, items, strict=True))

    def ended(self, timeout: float) -> list[Ended]:
        until = time.monotonic() + timeout
        while not (done := [job for job in self._jobs if job.done()]):
            if time.monotonic() >= until:
                return []
            time.sleep(POLL_SECONDS)
        return [_ended(job, self._jobs.pop(job)) for job in done]

    def cancel(self) -> None:
        """SLURM sends SIGTERM to what runs; a job then saves a checkpoint."""
        if not self.takes_signals:
            self.kill()

    def kill(self) -> None:
        for job in self._jobs:
            job.cancel(check=False)


def _ended(job: "submitit.Job[RunState | None]", item: WorkItem) -> Ended:
    error = job.exception()
    if error is None:
        return Ended(item, job.result())
    return Ended(item, error=f"{last_line(error)} (log: {job.paths.stderr})")


def _parameters(options: SubmititLocal | SubmititSlurm) -> dict[str, Any]:
    if isinstance(options, SubmititLocal):
        return {"timeout_min": options.timeout_min}
    parameters = {
        "name": "cnnlab",
        "timeout_min": options.timeout_min,
        "cpus_per_task": options.cpus_per_task,
        "gpus_per_node": options.gpus_per_node,
        "mem_gb": options.mem_gb,
        "slurm_partition": options.partition,
        "slurm_account": options.account,
        "slurm_qos": options.qos,
        "slurm_constraint": options.constraint,
        "slurm_signal_delay_s": options.signal_delay_s,
        "slurm_array_parallelism": options.array_parallelism,
        "slurm_setup": list(options.setup),
        "slurm_additional_parameters": options.additional_parameters,
    }
    return {key: value for key, value in parameters.items() if value is not None}
