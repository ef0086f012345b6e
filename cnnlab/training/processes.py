"""One run on several devices: a process for each, started by torchrun on the run's folder.

The folder is all they share with their parent, so a sweep can hold such runs too, one at a time,
and nothing of the process group stays behind in the sweep's own process.
"""

import logging
import os
import subprocess
import sys

from cnnlab.config.options import parse
from cnnlab.discovery import discover
from cnnlab.runs.run_dir import RunDir

log = logging.getLogger("cnnlab")


def run_in_processes(folder: RunDir, devices: int, *, title: str, verbose: bool) -> None:
    """Train the run whose config lies in ``folder`` on ``devices`` devices of this machine.

    Raises:
        RuntimeError: a process failed; the first one's last words.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={devices}", "-m", "cnnlab.training.processes"]
    command += [str(folder), title, "verbose" if verbose else ""]
    threads = max(1, (os.cpu_count() or 1) // devices)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    said = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:  # pass progress on as it comes; the rest is for the log
            if line.startswith(title):
                print(line, end="", file=sys.stderr, flush=True)
            else:
                said.append(line.rstrip())
                log.info("%s", said[-1])
    if process.returncode != 0:
        causes = [line for line in said if "Error: " in line and "elastic" not in line]
        raise RuntimeError((causes or said or ["a process failed"])[0])


def main() -> None:
    """What each process does."""
    from cnnlab.runs.identity import identify
    from cnnlab.runs.job import Job
    from cnnlab.training.assemble import preflight
    from cnnlab.training.run import run

    path, title, verbose = sys.argv[1:]
    discover()
    folder = RunDir(path)
    config = parse(folder.config())
    choices = folder.status()["choices"]
    identity, cost = identify(config), preflight(config)
    job = Job(config, choices, folder.name, identity, cost, title=title, verbose=bool(verbose))
    run(job, folder)


if __name__ == "__main__":
    main()
