"""Two nodes on one host: processes that meet as those of torchrun do, and end together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import small_run
import torch
import torch.distributed as dist
from commands import Command, has_begun
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from cnnlab.app import train
from cnnlab.config.options import TrainerConfig
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.status import state_of
from cnnlab.training import nodes, peer_store, peers
from cnnlab.training.data_parallel import NetworkStrategy, synchronise_batch_norm
from cnnlab.training.limits import refuse_missing_device
from cnnlab.training.rendezvous import Rendezvous
from cnnlab.training.stopping import StopRequest
from cnnlab.training.trainer import make_trainer

WORDS = ["train", "model=mlp", "model.batch_norm=false", "data=digits", "batch_size=64"]
WORDS += ["trainer.accelerator=cpu", "sweep.name=s", "logger=[]"]
TWO = ["trainer.nodes=2"]
Start = Callable[..., list[Command]]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def start(tmp_path, monkeypatch) -> Start:
    """Starts a command on two nodes, each with a process."""

    def start(*words: str) -> list[Command]:
        where = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0"}
        where |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        started = []
        with monkeypatch.context() as patch:
            for rank in ("0", "1"):
                for name, value in (where | {"RANK": rank, "GROUP_RANK": rank}).items():
                    patch.setenv(name, value)
                started.append(Command(tmp_path, *words))
        return started

    return start


@pytest.mark.slow(40)
def test_stopped_continued_and_killed_they_do_as_one_node(start, tmp_path):
    both = start(*WORDS, *TWO, "trainer.epochs=2000")
    both[0].until(has_begun(tmp_path))
    both[1].signal(signal.SIGTERM)  # of the other node alone
    said = [command.end() for command in both]
    assert [code for code, _ in said] == [130, 130], said
    (run,) = find_runs([tmp_path])
    assert run.status()["state"] == "preempted"
    position = torch.load(run.last_checkpoint, weights_only=True)["position"]
    assert position["epoch"] >= len(run.metrics()) > 0

    epochs = position["epoch"] + 1
    said = [c.end() for c in start("train", f"resume={run}", f"trainer.epochs={epochs}")]
    assert [code for code, _ in said] == [0, 0], said
    (more,) = (other for other in find_runs([tmp_path]) if other.name != run.name)
    assert more.result()["devices"] == 2
    assert list(more.metrics()["epoch"]) == list(range(1, epochs + 1))

    both = start(*WORDS, *TWO, "trainer.epochs=2000", "seed=1")
    both[0].until(has_begun(tmp_path))
    os.kill(both[1].pid, signal.SIGKILL)
    both[1].end()
    code, text = both[0].end()
    assert code == 130, text
    assert f"process 2 of 2 on {socket.gethostname()} was killed or is not reached" in text
    (run,) = (run for run in find_runs([tmp_path]) if "seed1" in run.name)
    assert state_of(run)[0] == "killed"


@pytest.mark.slow(40)
def test_torchrun_on_two_nodes_equals_one_process(tmp_path):
    """Without batch norm, which differs between devices by nature."""
    words = [*WORDS, "trainer.epochs=2"]
    assert Command(tmp_path, *words).end()[0] == 0
    agent = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    agent += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{free_port()}"]
    command = [sys.executable, *agent, "-m", "cnnlab", *words, *TWO]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    agents = [subprocess.Popen(command, cwd=tmp_path, env=environment) for _ in range(2)]
    assert [agent.wait(300) for agent in agents] == [0, 0]
    runs = {run.config()["trainer"]["nodes"]: run for run in find_runs([tmp_path])}
    one, two = (torch.load(runs[n].last_checkpoint, weights_only=True) for n in (1, 2))
    assert one["state_dict"].keys() == two["state_dict"].keys()
    for key, value in one["state_dict"].items():
        assert torch.allclose(value, two["state_dict"][key], rtol=0, atol=1e-5), key
    for key in ("test_loss", "test_acc"):
        assert runs[1].result()[key] == pytest.approx(runs[2].result()[key], abs=1e-5)


def test_a_slurm_job_of_one_process_is_none_of_several(monkeypatch):
    """Lightning would refuse these variables, or, where tasks share a sweep, log nothing."""
    for name, value in {"NTASKS": "4", "PROCID": "3", "LOCALID": "3", "NODEID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr(rank_zero_only, "rank", 3)
    trainer = make_trainer(TrainerConfig(accelerator="cpu"), 1)
    assert (trainer.world_size, trainer.global_rank, rank_zero_only.rank) == (1, 0, 0)


def test_synchronised_batch_norm_keeps_the_names_of_weights():
    network = small_run.network()
    before = network.state_dict()
    synchronise_batch_norm(network)
    assert isinstance(network[1], nn.SyncBatchNorm)
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_synchronised_batch_norm_needs_several_gpus():
    with pytest.raises(CnnlabError, match=r"^trainer.sync_batchnorm=true needs trainer.devices=2"):
        refuse_missing_device(TrainerConfig(sync_batchnorm=True))
    options = TrainerConfig(sync_batchnorm=True, nodes=2, accelerator="cpu")
    with pytest.raises(CnnlabError, match=r"^trainer.sync_batchnorm=true needs GPUs: torch has"):
        refuse_missing_device(options)


def rendezvous(rank: int, port: int) -> Rendezvous:
    return Rendezvous("srun", rank, 2, 0, 1, "127.0.0.1", port)


def peer(place: Rendezvous) -> peers.Peers:
    return peers.Peers(place, StopRequest(listen=False))


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(peers, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(peers, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(nodes, "LAST_WORDS", 0.0)
    with ThreadPoolExecutor() as beside:
        yield beside


@pytest.fixture
def pair(fast):
    """Two processes as they see each other, in one."""
    port = free_port()
    found = [peer(rendezvous(rank, port)) for rank in (0, 1)]
    yield found
    list(fast.map(peers.Peers.close, found))


def test_a_signal_of_any_process_reaches_the_first(pair):
    first, second = pair
    second.stop.signal = signal.SIGTERM
    assert first._until(lambda: first.stop.signal == signal.SIGTERM, 5)


def test_the_first_process_hears_what_another_has_failed_of(pair):
    first, second = pair
    error = CnnlabError("no images on this host")
    second.fail(error, nodes.pickled(error))
    with pytest.raises(CnnlabError, match="no images on this host"):
        first.join()
    cause = first.cause(RuntimeError("Connection closed by peer"))
    assert cause.__notes__[0].startswith("process 2 of 2: CnnlabError: no images on this host")


def test_nobody_waits_for_ever(pair, monkeypatch):
    monkeypatch.setattr(peers, "JOIN_SECONDS", 0.2)
    with pytest.raises(CnnlabError, match=r"^1 of 2 processes are at 127.0.0.1:\d+ within"):
        pair[0].join()


def test_a_node_that_does_not_see_the_runs_folder_is_refused(pair, monkeypatch, tmp_path):
    monkeypatch.setattr(nodes, "SHARED_SECONDS", 0.0)
    monkeypatch.setenv("CNNLAB_CLAIM", "abc")
    job = type("Job", (), {"run_dir": RunDir(tmp_path / "run")})
    said = r"^process 2 of 2 does not see the run's folder /.*/run that the first process has made"
    with pytest.raises(CnnlabError, match=said):
        nodes._check_shared(pair[1], job)


def test_a_node_whose_ranks_are_others_than_lightnings_is_refused(pair, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    config = type("Config", (), {"trainer": TrainerConfig(nodes=2, accelerator="cpu")})
    job = type("Job", (), {"run_dir": RunDir(tmp_path / "run"), "config": config})
    first, second = pair
    second.rendezvous = replace(second.rendezvous, local_rank=1)
    with pytest.raises(CnnlabError, match=r"^RANK=1 LOCAL_RANK=1: with trainer.devices=1 "):
        nodes._train(second, job)
    with pytest.raises(CnnlabError, match=r"^RANK=1 LOCAL_RANK=1: "):  # the first one hears of it
        first.join()


def test_lightnings_rank_is_that_of_torch(monkeypatch):
    monkeypatch.setattr(DDPStrategy, "setup_environment", lambda _: None)
    for rank in (0, 3):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        if rank == 0:
            NetworkStrategy().setup_environment()
        else:
            with pytest.raises(RuntimeError, match=r"^process 3 is process 0 for Lightning"):
                NetworkStrategy().setup_environment()


def test_sruns_tasks_are_refused_before_they_meet(monkeypatch):
    monkeypatch.setattr(train, "_join", None)
    slurm = {"PROCID": "1", "LOCALID": "1", "NODEID": "0", "NTASKS": "4", "NNODES": "1"}
    for name, value in slurm.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    with pytest.raises(CnnlabError, match="but srun started 4 processes, 4 on each of 1 node"):
        train.train([*WORDS[1:], "trainer.devices=2"])


def test_who_comes_when_the_run_is_over_hears_how_it_ended(fast):
    port = free_port()
    ending = fast.submit(nodes.Leader(peer(rendezvous(0, port))).dismiss, 3)
    time.sleep(0.7)  # longer than the grace for those that are there
    assert not ending.done()
    with pytest.raises(SystemExit) as ended:
        fast.submit(nodes.follow, rendezvous(1, port)).result(10)
    assert ended.value.code == 3
    ending.result(5)


def test_a_first_process_that_is_gone_is_said_in_a_line(pair, fast, monkeypatch, capfd):
    class Gone:
        def check(self, _: list[str]) -> bool:
            raise dist.DistNetworkError("recvValue failed on SocketImpl(fd=21)")

    monkeypatch.setattr(nodes, "Peers", lambda *_: pair[1])
    pair[1].store = Gone()
    with pytest.raises(SystemExit) as ended:
        fast.submit(nodes.follow, pair[1].rendezvous).result(10)
    assert ended.value.code == 1
    said = "cnnlab: process 2 of 2 ends: the connection to the first process is lost\n"
    assert capfd.readouterr().err == said


def test_what_was_said_before_a_restart_counts_no_more(fast):
    """In torchrun's store, which outlives its processes."""
    port = free_port()
    store = TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
    places = [replace(rendezvous(rank, port), has_store=True) for rank in (0, 1)]
    killed = peer(places[0])
    killed.put(peers.JOB, 7)
    killed.fail(CnnlabError("of before"), nodes.pickled(CnnlabError("of before")))
    killed._over = True
    killed._thread.join()

    second = fast.submit(peer, places[1])
    time.sleep(0.3)
    assert not second.done()
    pair = [peer(places[0]), second.result(5)]
    assert not any(one.store.check([key]) for one in pair for key in (peers.JOB, peers.FAILURE))
    list(fast.map(peers.Peers.join, pair))
    list(fast.map(peers.Peers.close, pair))
    del store


def test_those_of_another_step_do_not_meet_at_the_same_port(pair, monkeypatch):
    monkeypatch.setattr(peer_store, "CONNECT_SECONDS", 0.5)
    other = replace(pair[1].rendezvous, name="cnnlab/7.1")
    with pytest.raises(CnnlabError, match=r"^the first of 2 processes is not at 127.0.0.1:"):
        peer(other)
