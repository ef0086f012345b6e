"""Which process this is, from torchrun's variables or SLURM's."""

import pytest

from cnnlab.config.options import TrainerConfig
from cnnlab.registry import CnnlabError
from cnnlab.training.rendezvous import (
    find_rendezvous,
    first_host,
    refuse_mismatch,
    refuse_nodes_in_sweep,
)

TORCHRUN = {
    "RANK": "3",
    "LOCAL_RANK": "1",
    "GROUP_RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "gpu7",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}
SRUN = {
    "SLURM_JOB_ID": "1234567",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_NTASKS": "4",
    "SLURM_NNODES": "2",
    "SLURM_JOB_NODELIST": "gpu[7-8]",
}


def test_torchruns_variables():
    found = find_rendezvous(TORCHRUN | SRUN)  # torchrun under srun
    assert found is not None
    assert (found.rank, found.processes, found.per_node) == (3, 4, 2)
    assert (found.launcher, found.has_store) == ("torchrun", True)
    assert found.environment(2) == {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "NODE_RANK": "1",
        "WORLD_SIZE": "4",
        "MASTER_ADDR": "gpu7",
        "MASTER_PORT": "29500",
    }


def test_sruns_variables():
    found = find_rendezvous(SRUN)
    assert found is not None
    assert (found.rank, found.processes, found.local_rank, found.per_node) == (3, 4, 1, 2)
    assert (found.address, found.port, found.has_store) == ("gpu7", 15000 + 4567, False)
    assert found.environment(2)["NODE_RANK"] == "1"
    named = find_rendezvous(SRUN | {"MASTER_ADDR": "head", "MASTER_PORT": "5"})
    assert named is not None
    assert (named.address, named.port) == ("head", 5)


@pytest.mark.parametrize("rank", range(4))
def test_a_script_that_sets_no_number_of_processes_on_a_node(rank):
    """Lightning makes its rank of NODE_RANK, the devices and LOCAL_RANK: it is the same."""
    by_hand = {key: TORCHRUN[key] for key in ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    found = find_rendezvous(by_hand | {"RANK": str(rank), "LOCAL_RANK": str(rank % 2)})
    assert found is not None
    refuse_mismatch(TrainerConfig(devices=2, nodes=2), found)
    said = found.environment(2)
    assert int(said["NODE_RANK"]) * 2 + int(said["LOCAL_RANK"]) == found.rank == rank


def test_two_steps_of_a_job_do_not_meet():
    first, second = (find_rendezvous(SRUN | {"SLURM_STEP_ID": step}) for step in "01")
    assert first is not None
    assert second is not None
    assert first.port != second.port
    assert (first.name, second.name) == ("cnnlab/1234567.0", "cnnlab/1234567.1")


def test_ranks_are_by_node_however_slurm_distributes_its_tasks():
    cyclic = find_rendezvous(SRUN | {"SLURM_PROCID": "2", "SLURM_NODEID": "0"})
    assert cyclic is not None
    assert cyclic.rank == 1


def test_a_step_of_fewer_tasks_than_the_job_has():
    step = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2", "SLURM_LOCALID": "0"}
    found = find_rendezvous(SRUN | step | {"SLURM_STEP_NODELIST": "gpu8,gpu9"})
    assert found is not None
    assert (found.rank, found.processes, found.per_node, found.address) == (1, 2, 1, "gpu8")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RANK": "1", "WORLD_SIZE": "2"},  # nowhere to meet
        # what submitit_slurm submits: one task, in a job of its own
        SRUN | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "1"},
        # a batch script, and a shell in an allocation
        SRUN | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "ENVIRONMENT": "BATCH"},
        {key: value for key, value in SRUN.items() if key != "SLURM_PROCID"},
    ],
)
def test_no_rendezvous(environment):
    assert find_rendezvous(environment) is None


def test_a_variable_that_is_no_number():
    with pytest.raises(CnnlabError, match="WORLD_SIZE=two in the environment is not a number"):
        find_rendezvous(TORCHRUN | {"WORLD_SIZE": "two"})


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("gpu7", "gpu7"),
        ("gpu[7-9,12],cpu1", "gpu7"),
        ("gpu[07],cpu1", "gpu07"),
        ("a1,b2", "a1"),
        ("a1 b2", "a1"),
        ("rack[1-2]-n.example", "rack1-n.example"),
        ("rack[1-2]node[3-4],cpu1", "rack1node3"),
        ("rack[1,3]n[03,05-09]x,rack4", "rack1n03x"),
    ],
)
def test_the_first_host_of_slurms_list(hosts, first):
    assert first_host(hosts) == first


def test_the_processes_that_were_started_are_those_of_the_run():
    refuse_mismatch(TrainerConfig(devices=2, nodes=2), find_rendezvous(TORCHRUN))
    refuse_mismatch(TrainerConfig(devices=2, nodes=2), find_rendezvous(SRUN))
    even = SRUN | {"SLURM_STEP_TASKS_PER_NODE": "2(x2)"}
    refuse_mismatch(TrainerConfig(devices=2, nodes=2), find_rendezvous(even))
    refuse_mismatch(TrainerConfig(devices=2), None)


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (
            {"devices": 2},
            TORCHRUN,
            "trainer.nodes=1 trainer.devices=2 are 2 processes, but torchrun started 4 processes, "
            "2 on each of 2 nodes; give trainer.nodes=2 trainer.devices=2",
        ),
        (
            {"devices": 4},
            TORCHRUN,
            "trainer.nodes=1 trainer.devices=4 are 4 processes, but torchrun started 4 processes, "
            "2 on each of 2 nodes; give trainer.nodes=2 trainer.devices=2",
        ),
        (
            {"devices": 3, "nodes": 2},
            {key: value for key, value in SRUN.items() if key != "SLURM_NNODES"},
            "trainer.nodes=2 trainer.devices=3 are 6 processes, but srun started 4 processes",
        ),
        (
            {"devices": 2, "nodes": 2},
            SRUN | {"SLURM_STEP_NUM_NODES": "3"},
            "trainer.nodes=2 trainer.devices=2 are 4 processes, but srun started 4 processes, "
            "not as many on each node; give srun --nodes 2 --ntasks-per-node 2",
        ),
        (
            {"devices": 2, "nodes": 2},
            SRUN | {"SLURM_STEP_TASKS_PER_NODE": "3,1"},
            "trainer.nodes=2 trainer.devices=2 are 4 processes, but srun started 4 processes, "
            "not as many on each node; give srun --nodes 2 --ntasks-per-node 2",
        ),
        (
            {"devices": 2, "nodes": 2},
            TORCHRUN | {"LOCAL_WORLD_SIZE": "", "RANK": "1", "LOCAL_RANK": "0"},
            "RANK=1 LOCAL_RANK=0: with trainer.devices=2 the local rank of process 1 is 1; "
            "number the ranks node by node",
        ),
        (
            {"devices": 2, "nodes": 2},
            {},
            "trainer.nodes=2: start the command on every node with torchrun --nnodes 2 "
            "--nproc-per-node 2 --rdzv-endpoint HOST:PORT -m cnnlab, or srun",
        ),
    ],
)
def test_others_are_refused_in_a_line(options, environment, said):
    with pytest.raises(CnnlabError) as refused:
        refuse_mismatch(TrainerConfig(**options), find_rendezvous(environment))
    assert str(refused.value) == said


def test_a_sweep_has_one_node():
    refuse_nodes_in_sweep(1)
    with pytest.raises(CnnlabError, match=r"^trainer.nodes=2: runs on several nodes are started"):
        refuse_nodes_in_sweep(2)
