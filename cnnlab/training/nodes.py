"""One run in processes that torchrun or SLURM's srun has started, on one machine or several.

The first process does what a command does: it checks, claims, writes. The others wait for its job
and train with it. All of them see the run's folder, which is on a file system that they share.
"""

import contextlib
import os
import pickle
import sys
import time
from collections.abc import Iterator

import torch.distributed as dist

from cnnlab.registry import CnnlabError
from cnnlab.runs.claim import TOKEN, shows_claim
from cnnlab.runs.job import Job
from cnnlab.text import first_line
from cnnlab.training.peer_store import POLL_SECONDS
from cnnlab.training.peers import JOB, Peers
from cnnlab.training.processes import join_group, pickled
from cnnlab.training.rendezvous import Rendezvous, refuse_mismatch
from cnnlab.training.run import run
from cnnlab.training.stopping import Stopped, StopRequest, TrainingDivergedError

SHARED_SECONDS = 30.0  # a network file system may show a new folder late
LAST_WORDS = 1.0  # seconds of the first process, which torchrun ends when another one fails
AS_ONE = (Stopped, TrainingDivergedError)  # all processes raise them, at the same step


class Leader:
    """The first process, and the others as it sees them."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    def train(self, job: Job) -> None:
        """Train the job, which this process has claimed, with all processes.

        Raises:
            BaseException: what the first process that failed has raised.
            ProcessKilledError: one was killed, or its host is gone.
        """
        self._peers.stop = StopRequest()
        self._peers.put(JOB, (job, sys.argv, os.environ[TOKEN]))
        _train(self._peers, job)

    def dismiss(self, code: int) -> None:
        """Let all others end, those that have got no job with this exit code."""
        with contextlib.suppress(dist.DistError):
            if not self._peers.store.check([JOB]):
                self._peers.put(JOB, code)
        self._peers.close()


@contextlib.contextmanager
def leading(rendezvous: Rendezvous) -> Iterator[Leader]:
    """What the first process does in the block; at its end the others are free."""
    leader, code = Leader(Peers(rendezvous, StopRequest(listen=False))), 1
    try:
        yield leader
        code = 0
    except CnnlabError as error:
        code = error.exit_code
        print(f"cnnlab: {error}", file=sys.stderr, flush=True)  # before the others end
        raise SystemExit(code) from error
    finally:
        leader.dismiss(code)


def follow(rendezvous: Rendezvous) -> None:
    """What every other process does: train with the first one, and write nothing.

    Raises:
        SystemExit: the run was not finished.
    """
    peers, code = Peers(rendezvous, StopRequest()), 0
    try:
        while not peers.store.check([JOB]):  # as long as the first process takes, while it lives
            time.sleep(POLL_SECONDS)
        message = pickle.loads(peers.store.get(JOB))
        code = message if isinstance(message, int) else _train_along(peers, *message)
    except dist.DistError as error:  # the first process has been killed before it had a job
        code = _report(peers, peers.cause(error))
    finally:
        peers.close()
    if code:
        time.sleep(LAST_WORDS)
        raise SystemExit(code)


def _train_along(peers: Peers, job: Job, words: list[str], token: str) -> int:
    """Train with the first process; the exit code."""
    sys.argv, os.environ[TOKEN] = words, token
    try:
        _train(peers, job)
    except Stopped:
        return 130
    except AS_ONE:
        return 1
    except Exception as error:
        return _report(peers, error)
    return 0


def _report(peers: Peers, error: BaseException) -> int:
    """Say why this process ends; its exit code."""
    name = f"process {peers.rendezvous.rank + 1} of {peers.rendezvous.processes}"
    print(f"cnnlab: {name} ends: {first_line(error)}", file=sys.stderr, flush=True)
    return 1


def _train(peers: Peers, job: Job) -> None:
    options = job.config.trainer
    os.environ.update(peers.rendezvous.environment(options.devices))
    try:
        if not peers.leads:
            refuse_mismatch(options, peers.rendezvous)
            _check_shared(peers, job)
        peers.join()
        join_group(options, store=peers.group_store())
        run(job, peers.stop)
    except BaseException as error:
        if _is_lost_connection(error):
            raise peers.cause(error) from error
        with contextlib.suppress(dist.DistError):
            if not isinstance(error, AS_ONE):
                peers.fail(error, pickled(error))
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _check_shared(peers: Peers, job: Job) -> None:
    """Look for the claim of the first process in the run's folder.

    Raises:
        CnnlabError: it is not there.
    """
    deadline = time.monotonic() + SHARED_SECONDS
    while not shows_claim(job.run_dir, os.environ[TOKEN]):
        if time.monotonic() > deadline:
            raise CnnlabError(
                f"{peers.name(peers.rendezvous.rank)} does not see the run's folder "
                f"{job.run_dir.path.absolute()} that the first process has made: all nodes must "
                "share it, and start in the same folder where runs_dir is relative"
            )
        time.sleep(POLL_SECONDS)


def _is_lost_connection(error: BaseException) -> bool:
    """Whether an error of torch's is about another process; what that one raised is the cause."""
    words = str(error).lower()
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and ("gloo" in words or "connection" in words)
    )
