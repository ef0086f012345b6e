"""One run on several devices: a process for each, started by torchrun.

They get the pickled job and share nothing else with their parent, so a sweep can hold such runs
too, one at a time, and nothing of the process group is left in the sweep's own process.
"""

import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

from cnnlab.discovery import discover
from cnnlab.runs.job import Job
from cnnlab.training.stopping import SAVING, SIGNALS, Stopped

log = logging.getLogger("cnnlab")


def run_in_processes(job: Job) -> None:
    """Train the job on ``trainer.devices`` devices of this machine.

    Signals are forwarded to the processes, which save a checkpoint and stop.

    Raises:
        BaseException: what a process raised, the first of them.
        RuntimeError: a process died without an error of its own.
    """
    devices = job.config.trainer.devices
    threads = max(1, (os.cpu_count() or 1) // devices)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    last_error = ""
    with tempfile.TemporaryDirectory(prefix="cnnlab-job-") as scratch:
        Path(scratch, "job").write_bytes(pickle.dumps(job))
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={devices}", "-m", "cnnlab.training.processes", scratch]
        # A session of its own: Ctrl-C reaches it once, from here.
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            received = _forward_signals(process)
            assert process.stderr is not None
            for line in process.stderr:  # progress is passed on as it comes; the rest is logged
                if line.startswith(job.title):
                    print(line, end="", file=sys.stderr, flush=True)
                else:
                    last_error = line.strip() if "Error: " in line else last_error
                    log.info("%s", line.rstrip())
        if process.returncode == 0:
            return
        for file in sorted(Path(scratch).glob("error-*")):  # by time
            error, text = pickle.loads(file.read_bytes())
            if isinstance(error, Stopped) and received:
                error = Stopped(received[0])
            error.add_note(text)
            raise error
        raise RuntimeError(last_error or f"a process ended with exit code {process.returncode}")


def _forward_signals(process: "subprocess.Popen[str]") -> list[int]:
    """Interrupt all processes through torchrun at the first signal, and kill them at a second.

    SIGINT stands for every signal: torchrun knows no SIGUSR2, and on SIGTERM Lightning enters a
    collective inside its signal handler, which may wait for ever. The old handlers come back with
    the end of ``isolated``.

    Returns:
        the signals received so far.
    """
    received: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            os.killpg(process.pid, signal.SIGKILL)
            return
        process.send_signal(signal.SIGINT)
        if number == signal.SIGINT:
            print(SAVING, file=sys.stderr, flush=True)

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, forward)
    return received


def main() -> None:
    """What each process does."""
    from cnnlab.training.run import run

    scratch = Path(sys.argv[1])
    try:
        discover()
        job: Job = pickle.loads((scratch / "job").read_bytes())
        run(job)
    except BaseException as error:
        name = f"error-{time.time_ns()}-{os.environ['RANK']}"
        part = scratch / f".{name}"
        part.write_bytes(_pickled(error))
        part.rename(scratch / name)
        raise


def _pickled(error: BaseException) -> bytes:
    """An error, as itself where its class allows that, and its traceback as text."""
    text = "".join(traceback.format_exception(error))
    if isinstance(error.__context__, KeyboardInterrupt):  # Lightning turns it into SystemExit
        error = error.__context__
    try:
        content = pickle.dumps((error, text))
        pickle.loads(content)
        return content
    except Exception:  # whatever a class does when it is pickled
        return pickle.dumps((RuntimeError(f"{type(error).__name__}: {error}"), text))


if __name__ == "__main__":
    main()
