"""One run on several devices: a process for each, started by torchrun.

They get the pickled job and share nothing else with their parent, so a sweep can hold such runs
too, one at a time, and nothing of the process group is left in the sweep's own process.
"""

import logging
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from cnnlab.discovery import discover
from cnnlab.runs.job import Job

log = logging.getLogger("cnnlab")


def run_in_processes(job: Job) -> None:
    """Train the job on ``trainer.devices`` devices of this machine.

    Raises:
        BaseException: what a process raised, rank 0 before the others.
        RuntimeError: a process died without an error of its own.
    """
    devices = job.config.trainer.devices
    threads = max(1, (os.cpu_count() or 1) // devices)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    with tempfile.TemporaryDirectory(prefix="cnnlab-job-") as scratch:
        Path(scratch, "job").write_bytes(pickle.dumps(job))
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={devices}", "-m", "cnnlab.training.processes", scratch]
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:  # progress is passed on as it comes; the rest is logged
                if line.startswith(job.title):
                    print(line, end="", file=sys.stderr, flush=True)
                else:
                    log.info("%s", line.rstrip())
        if process.returncode == 0:
            return
        for file in sorted(Path(scratch).glob("error-*")):
            raise pickle.loads(file.read_bytes())
        raise RuntimeError(f"a process ended with exit code {process.returncode}")


def main() -> None:
    """What each process does."""
    from cnnlab.training.run import run

    scratch = Path(sys.argv[1])
    discover()
    job: Job = pickle.loads((scratch / "job").read_bytes())
    try:
        run(job)
    except BaseException as error:
        (scratch / f"error-{os.environ['RANK']:0>4}").write_bytes(_pickled(error))
        raise


def _pickled(error: BaseException) -> bytes:
    """An error that can be read back, as itself where its class allows that."""
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
        return content
    except Exception:  # whatever a class does when it is pickled
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
