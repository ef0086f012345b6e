"""Which of several processes this one is, as torchrun or SLURM's srun say in the environment.

Nothing here loads torch: a process that is none of several, or is refused, does without it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cnnlab.config.options import TrainerConfig
from cnnlab.registry import CnnlabError
from cnnlab.text import plural

TORCHRUN, SLURM = "torchrun", "srun"
VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# By the numbers of SLURM's job and step, so that two do not meet.
FIRST_PORT, NUM_PORTS, PORTS_PER_STEP = 15000, 10000, 997


@dataclass(frozen=True)
class Rendezvous:
    """One process of several that train one run, and where they meet.

    Attributes:
        launcher: who started the processes.
        rank: of this process, among all.
        processes: how many there are.
        local_rank: of this process, on its node.
        per_node: processes on each node; 0: not as many on each; None: the launcher does not say.
        address, port: where the first process, or torchrun, is found.
        name: tells these processes from others that meet there.
        has_store: torchrun holds the key-value store; else the first process does.
    """

    launcher: str
    rank: int
    processes: int
    local_rank: int
    per_node: int | None
    address: str
    port: int
    name: str = "cnnlab"
    has_store: bool = False

    def environment(self, devices: int) -> dict[str, str]:
        """torch's variables, which Lightning and callbacks of the user's read.

        Args:
            devices: processes on each node, by which Lightning counts the ranks again.
        """
        return {
            "RANK": str(self.rank),
            "LOCAL_RANK": str(self.local_rank),
            "NODE_RANK": str(self.rank // devices),
            "WORLD_SIZE": str(self.processes),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
        }


def find_rendezvous(environment: Mapping[str, str]) -> Rendezvous | None:
    """What torchrun, or a program that sets the same variables, or srun says of this process.

    A SLURM job whose task is a single process, as those that ``hydra/launcher=submitit_slurm``
    submits, is no rendezvous; neither is a batch script, which srun has not started.

    Raises:
        CnnlabError: a variable has no number in it.
    """
    if all(environment.get(name) for name in VARIABLES):
        return _of_torchrun(environment)
    is_task = "SLURM_PROCID" in environment and "SLURM_LOCALID" in environment
    is_script = environment.get("ENVIRONMENT") == "BATCH" and "SLURM_STEP_ID" not in environment
    if is_task and not is_script and _tasks(environment) > 1:
        return _of_slurm(environment)
    return None


def _of_torchrun(environment: Mapping[str, str]) -> Rendezvous:
    return Rendezvous(
        launcher=TORCHRUN,
        rank=_number(environment, "RANK"),
        processes=_number(environment, "WORLD_SIZE"),
        local_rank=_number(environment, "LOCAL_RANK"),
        per_node=_number(environment, "LOCAL_WORLD_SIZE", default=0) or None,
        address=environment["MASTER_ADDR"],
        port=_number(environment, "MASTER_PORT"),
        has_store=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
    )


def _of_slurm(environment: Mapping[str, str]) -> Rendezvous:
    node = _number(environment, "SLURM_NODEID", default=0)
    local_rank, per_node = _number(environment, "SLURM_LOCALID"), _tasks_per_node(environment)
    names = ("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST")
    hosts = next(filter(None, map(environment.get, names)), "127.0.0.1")
    job = _number(environment, "SLURM_JOB_ID", default=0)
    step = _number(environment, "SLURM_STEP_ID", default=0)
    port = FIRST_PORT + (job + PORTS_PER_STEP * step) % NUM_PORTS
    return Rendezvous(
        launcher=SLURM,
        # by node, as torch and Lightning count, however SLURM distributes its tasks
        rank=node * per_node + local_rank if per_node else _number(environment, "SLURM_PROCID"),
        processes=_tasks(environment),
        local_rank=local_rank,
        per_node=per_node,
        address=environment.get("MASTER_ADDR") or first_host(hosts),
        port=_number(environment, "MASTER_PORT", default=port),
        name=f"cnnlab/{job}.{step}",  # also where MASTER_PORT is that of the whole job
    )


def _tasks(environment: Mapping[str, str]) -> int:
    return _number(environment, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", default=1)


def _tasks_per_node(environment: Mapping[str, str]) -> int | None:
    """As ``per_node`` of a rendezvous, of ``2(x3)`` or, uneven, ``3,1``; else of the numbers."""
    counts = set(re.findall(r"(?:^|,)(\d+)", environment.get("SLURM_STEP_TASKS_PER_NODE", "")))
    if counts:
        return int(counts.pop()) if len(counts) == 1 else 0
    nodes = _number(environment, "SLURM_STEP_NUM_NODES", "SLURM_NNODES", default=0)
    if nodes == 0:
        return None
    per_node, rest = divmod(_tasks(environment), nodes)
    return 0 if rest else per_node


def first_host(hosts: str) -> str:
    """The first of SLURM's list of nodes: ``gpu7`` of ``gpu[7-9,12],cpu1``."""
    first = re.match(r"(?:[^\[,\s]|\[[^\]]*\])*", hosts)
    assert first is not None  # it matches the empty text
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first[0])


def _number(environment: Mapping[str, str], *names: str, default: int | None = None) -> int:
    """The first of these variables that is set.

    Raises:
        CnnlabError: it is not a number, or none is set and there is no default.
    """
    for name in names:
        if value := environment.get(name):
            if not value.isdecimal():
                raise CnnlabError(f"{name}={value} in the environment is not a number")
            return int(value)
    if default is None:
        raise CnnlabError(f"{names[0]} is missing in the environment")
    return default


def refuse_mismatch(options: TrainerConfig, rendezvous: Rendezvous | None) -> None:
    """Refuse a run whose processes are not those that were started.

    Raises:
        CnnlabError: they are not; it says what to give.
    """
    devices, nodes = options.devices, options.nodes
    if rendezvous is None:
        if nodes > 1:
            raise CnnlabError(
                f"trainer.nodes={nodes}: start the command on every node with torchrun --nnodes "
                f"{nodes} --nproc-per-node {devices} --rdzv-endpoint HOST:PORT -m cnnlab, or srun"
            )
        return
    started, per_node = rendezvous.processes, rendezvous.per_node
    if started == options.processes and per_node in (None, devices):
        rank, local_rank = rendezvous.rank, rendezvous.local_rank
        if local_rank != rank % devices:
            raise CnnlabError(
                f"RANK={rank} LOCAL_RANK={local_rank}: with trainer.devices={devices} the local "
                f"rank of process {rank} is {rank % devices}; number the ranks node by node"
            )
        return
    shape = _processes(started)
    if per_node == 0:
        shape += ", not as many on each node"
    elif per_node is not None and started % per_node == 0:
        shape += f", {per_node} on each of {plural(started // per_node, 'node')}"
    raise CnnlabError(
        f"trainer.nodes={nodes} trainer.devices={devices} "
        f"{'is' if options.processes == 1 else 'are'} "
        f"{_processes(options.processes)}, but {rendezvous.launcher} started "
        f"{shape}{_give(options, started, per_node)}"
    )


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _give(options: TrainerConfig, started: int, per_node: int | None) -> str:
    if per_node == 0:
        return f"; give srun --nodes {options.nodes} --ntasks-per-node {options.devices}"
    if per_node is None or started % per_node:
        return ""
    return f"; give trainer.nodes={started // per_node} trainer.devices={per_node}"


def refuse_nodes_in_sweep(nodes: int) -> None:
    """Refuse a sweep of runs whose processes somebody else would have to start.

    Raises:
        CnnlabError: they would.
    """
    if nodes > 1:
        raise CnnlabError(
            f"trainer.nodes={nodes}: runs on several nodes are started one by one, each with "
            "torchrun or srun; a sweep's have one"
        )
