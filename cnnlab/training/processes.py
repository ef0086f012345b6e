"""One run on several devices: a process for each, started, watched and ended from here.

They get the pickled job and share nothing else with their parent, so a sweep can hold such runs
too, one at a time, and nothing of the process group is left in the sweep's own process. A pipe
leads to each: signals go through it as single bytes, and its end is the end of the process, so
that a parent that is killed leaves none behind.
"""

import contextlib
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

from cnnlab.config.options import TrainerConfig
from cnnlab.discovery import discover
from cnnlab.runs.job import Job
from cnnlab.training.stopping import SAVING, SIGNALS, ProcessKilledError, StopRequest

log = logging.getLogger("cnnlab")
POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0  # for the others to end by themselves, once one has failed
# In a collective, whose other processes may still pack photographs. It is no watch over them: that
# a process is gone is seen by who has started it, or by its peers.
COLLECTIVE_LIMIT = timedelta(hours=6)


def run_in_processes(job: Job) -> None:
    """Train the job on ``trainer.devices`` devices of this machine.

    The first signal goes to the processes, which save a checkpoint and stop; a second kills them.

    Raises:
        BaseException: what a process raised, the first of them.
        KeyboardInterrupt: a second signal came.
        ProcessKilledError: the system, or someone, killed one.
        RuntimeError: a process died without reporting an error.
    """
    devices = job.config.trainer.devices
    with tempfile.TemporaryDirectory(prefix="cnnlab-job-", ignore_cleanup_errors=True) as scratch:
        Path(scratch, "job").write_bytes(pickle.dumps((job, sys.argv)))
        with _started(devices, scratch, job.title) as (processes, errors):
            received = _forward_signals(processes)
            failed = _wait(processes)
        if len(received) > 1:
            raise KeyboardInterrupt
        if failed is None:
            return
        code = processes[failed].returncode
        if code > 0:
            for file in sorted(Path(scratch).glob("error-*")):  # by time
                error, text = pickle.loads(file.read_bytes())
                error.add_note(text)
                raise error
        if code > 0 and errors:
            raise RuntimeError(errors[-1])
        process = f"process {failed + 1} of {devices}"
        if code < 0:
            raise ProcessKilledError(f"{process} was killed by {signal.Signals(-code).name}")
        raise RuntimeError(f"{process} ended with code {code}")


@contextlib.contextmanager
def _started(
    devices: int, scratch: str, title: str
) -> Iterator[tuple[list["subprocess.Popen[bytes]"], list[str]]]:
    """Start the processes, and pass on what they say; none is left at the end of the block.

    Yields:
        them, by rank, and a list that grows by each line that looks like an error.
    """
    threads = max(1, (os.cpu_count() or 1) // devices)
    # torch warns of find_unused_parameters where a network has none, without knowing what it is for
    defaults = {"OMP_NUM_THREADS": str(threads), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    environment = {**defaults, **os.environ, "WORLD_SIZE": str(devices), "NODE_RANK": "0"}
    command = [sys.executable, "-m", "cnnlab.training.processes", scratch]
    said, written = os.pipe()
    errors: list[str] = []
    reader = threading.Thread(target=_pass_on, args=(said, title, errors))
    processes: list[subprocess.Popen[bytes]] = []
    reader.start()
    try:
        try:
            for rank in map(str, range(devices)):
                processes.append(
                    subprocess.Popen(
                        command,
                        env={**environment, "RANK": rank, "LOCAL_RANK": rank},
                        stdin=subprocess.PIPE,
                        stderr=written,
                        start_new_session=True,  # Ctrl-C reaches them once, from here
                    )
                )
        finally:
            os.close(written)  # the reader ends with the last process
        yield processes, errors
    finally:
        _kill(processes)
        for process in processes:
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        reader.join()


def _pass_on(said: int, title: str, errors: list[str]) -> None:
    """Print lines of progress as they come, and log the rest."""
    with open(said, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(title):
                with contextlib.suppress(OSError):  # nobody listens; a full pipe would stop them
                    print(line, end="", file=sys.stderr, flush=True)
            else:
                log.info("%s", line.rstrip())
                if "Error: " in line:
                    errors.append(line.strip())


def _wait(processes: list["subprocess.Popen[bytes]"]) -> int | None:
    """Wait for all, but for GRACE_SECONDS only after one has failed.

    Returns:
        the rank of the first that failed, of several at once one that was killed; None: all ended
        well.
    """
    failed: int | None = None
    deadline = float("inf")
    while True:
        codes = [process.poll() for process in processes]
        if failed is None and any(codes):
            failed = min((code, rank) for rank, code in enumerate(codes) if code)[1]
            deadline = time.monotonic() + GRACE_SECONDS
        if None not in codes or time.monotonic() > deadline:
            return failed
        time.sleep(POLL_SECONDS)


def _kill(processes: list["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        process.kill()  # does nothing to one that has ended


def _forward_signals(processes: list["subprocess.Popen[bytes]"]) -> list[int]:
    """Tell the first process, which decides for all, of the first signal; a second kills them.

    The old handlers come back with the end of ``isolated``.

    Returns:
        the signals received so far.
    """
    received: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            _kill(processes)
            return
        pipe = processes[0].stdin
        assert pipe is not None
        with contextlib.suppress(OSError):  # it has just ended
            os.write(pipe.fileno(), bytes([number]))
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
    stop = StopRequest(listen=False)
    for number in SIGNALS:  # a cluster signals every process of a job; the parent's word counts
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_obey_parent, args=(stop, scratch), daemon=True).start()
    try:
        discover()
        job: Job
        job, sys.argv = pickle.loads((scratch / "job").read_bytes())
        # They meet at a file: no port that another program may take.
        join_group(job.config.trainer, init_method=f"file://{scratch}/rendezvous")
        run(job, stop)
        dist.destroy_process_group()
    except BaseException as error:
        name = f"error-{time.time_ns()}-{os.environ['RANK']}"
        part = scratch / f".{name}"
        part.write_bytes(pickled(error))
        part.rename(scratch / name)
        raise


def _obey_parent(stop: StopRequest, scratch: Path) -> None:
    """Hand on each signal that comes through the pipe; end with the parent."""
    while signals := os.read(sys.stdin.fileno(), 1):
        stop.signal = signals[0]
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def join_group(
    options: TrainerConfig, *, store: Any = None, init_method: str | None = None
) -> None:
    """Meet the other processes, at a store of torch's or where ``init_method`` says."""
    on_gpu = options.accelerator in ("auto", "gpu") and torch.cuda.is_available()
    dist.init_process_group(
        "nccl" if on_gpu else "gloo",
        init_method=init_method,
        store=store,
        timeout=COLLECTIVE_LIMIT,
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        device_id=torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else None,
    )


def pickled(error: BaseException) -> bytes:
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
