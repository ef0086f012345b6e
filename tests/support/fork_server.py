"""A process that has imported what a training needs, and forks into the programs of the tests.

Importing Lightning takes longer than a small sweep. Only packages of others are imported, so that
a program still has to find what it needs of ours, and what it starts itself, such as a launcher's
workers, begins from nothing as always. Forks of one process share its hash seed: where that could
hide a fault, one of the runs compared has to be of a process of its own.
"""

import atexit
import importlib
import json
import os
import select
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

PRELOADED = ("lightning.pytorch", "sklearn.metrics", "tensorboard.summary", "matplotlib.figure")
# As of ``python -c``: were this file the main module, workers of joblib would import it.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from fork_server import serve
del sys.path[0]
exec(serve(int(sys.argv[2])))
"""
SIZE = 1 << 17  # bytes of a message at most


class ForkServer:
    """The process, which ends with this one."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._codes: dict[int, int] = {}
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, Path(__file__).parent, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self._close)

    def fork(
        self, program: str, words: tuple[str, ...], folder: Path, env: dict[str, str], output: int
    ) -> int:
        """Start ``python -c PROGRAM WORDS`` in a session of its own.

        Args:
            output: the file descriptor of what it says.

        Returns:
            The number of the process.
        """
        request = json.dumps([program, words, str(folder), env]).encode()
        socket.send_fds(self._channel, [request], [output])
        while True:
            pid, code = self._receive()
            if code is None:
                return pid

    def wait(self, pid: int, seconds: float) -> int | None:
        """The exit code of a fork, as of a ``Popen``; None: it has not ended within the time."""
        while pid not in self._codes:
            if not select.select([self._channel], [], [], seconds)[0]:
                return None
            self._receive()
        return self._codes[pid]

    def _receive(self) -> tuple[int, int | None]:
        message = self._channel.recv(SIZE)
        if not message:
            raise RuntimeError("the fork server has died")
        pid, code = json.loads(message)
        if code is None:
            self._codes.pop(pid, None)  # a number that is used again
        else:
            self._codes[pid] = code
        return pid, code

    def _close(self) -> None:
        self._channel.close()
        self._process.wait()


@cache
def fork_server() -> ForkServer:
    """The one of this process, started when it is first asked for."""
    return ForkServer({**os.environ, "OMP_NUM_THREADS": "1"})


def serve(channel_number: int) -> str:
    """Fork for each request and report how each fork ends.

    Returns:
        The program that it is to run, in a fork; in the server itself never.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    forks: dict[int, int] = {}  # file descriptors of processes, and their numbers
    channel = socket.socket(fileno=channel_number)
    while True:
        for ready in select.select([channel, *forks], [], [])[0]:
            if ready is not channel:
                pid = forks.pop(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                channel.send(json.dumps([pid, code]).encode())
                continue
            request, (*outputs,), _, _ = socket.recv_fds(channel, SIZE, 1)
            if not request:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                channel.close()
                for fork in forks:
                    os.close(fork)
                program, *others = json.loads(request)
                _become(*others, *outputs)
                return program
            os.close(*outputs)
            forks[os.pidfd_open(pid)] = pid
            channel.send(json.dumps([pid, None]).encode())


def _become(words: list[str], folder: str, environment: dict[str, str], output: int) -> None:
    """What a new process would have of its own: session, folder, words, random numbers."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    sys.argv = ["-c", *words]
    importlib.import_module("numpy").random.seed()
