"""What each launcher gives its jobs, on machines that this one is not."""

import pytest
import torch

from cnnlab.app.command import read_command
from cnnlab.registry import CnnlabError
from cnnlab.runs.job import Job
from cnnlab.sweep.launchers import resources as engines
from cnnlab.sweep.launchers.gpus import THREADS
from cnnlab.sweep.launchers.options import (
    InProcess,
    Joblib,
    Ray,
    RayInit,
    RayNode,
    RayRemote,
    SubmititSlurm,
)
from cnnlab.sweep.launchers.resources import launch_for, max_parallel


def job(*words: str) -> Job:
    command = read_command(["model=mlp", *words], multirun=False)
    return command.make_job(command.overrides)


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many cores and GPUs, where the user has set nothing."""
    for name in (*THREADS, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)

    def be(cores: int, gpus: int = 0) -> None:
        monkeypatch.setattr(engines, "cores", lambda: cores)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)

    return be


def given(options, jobs):
    launch = launch_for(options, jobs)
    visible = launch.slots.visible if launch.slots else None
    return launch.engine.max_parallel, int(launch.environment["OMP_NUM_THREADS"]), visible


def test_threads_are_cores_divided_by_jobs(machine):
    machine(cores=16)
    jobs = [job()] * 10
    assert given(Joblib(), jobs) == (10, 1, None)
    assert given(Joblib(n_jobs=4), jobs) == (4, 4, None)
    assert given(Joblib(n_jobs=4, threads_per_job=3), jobs) == (4, 3, None)
    assert given(Joblib(n_jobs=4), jobs[:2]) == (2, 8, None)
    assert given(Joblib(), [job("trainer.devices=4")] * 10) == (4, 4, None)


def test_gpus_decide_how_many_run_at_a_time(machine, monkeypatch):
    machine(cores=16, gpus=2)
    jobs = [job()] * 10
    assert given(Joblib(), jobs) == (2, 8, ("0", "1"))
    assert given(Joblib(gpus_per_job=0.25), jobs) == (8, 2, ("0", "1") * 4)
    assert given(Joblib(n_jobs=3, gpus_per_job=0.25), jobs) == (3, 5, ("0", "1") * 4)
    assert given(Joblib(n_jobs=5), jobs) == (2, 8, ("0", "1"))
    assert given(Joblib(), [job("trainer.accelerator=cpu")] * 10) == (10, 1, None)
    with pytest.raises(CnnlabError, match=r"gpus_per_job=3: this machine has 2 GPUs"):
        launch_for(Joblib(gpus_per_job=3), jobs)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7,6")
    assert given(Joblib(), jobs) == (3, 5, ("5", "7", "6"))


def test_launches_that_deal_alike_lock_in_one_folder(machine):
    machine(cores=4, gpus=2)
    first, second, other = (
        launch_for(Joblib(gpus_per_job=share), [job()]).slots for share in (1.0, 1.0, 0.5)
    )
    assert first.folder == second.folder != other.folder


def test_how_many_a_plan_counts_with(machine):
    machine(cores=8, gpus=0)
    jobs = [job()] * 100
    assert max_parallel(InProcess(), jobs) == 1
    assert max_parallel(Joblib(), jobs) == 8
    assert max_parallel(SubmititSlurm(array_parallelism=32), jobs) == 32
    assert max_parallel(Ray(RayNode(RayInit(num_cpus=6), RayRemote(num_cpus=2))), jobs) == 3
    assert max_parallel(Ray(), jobs[:5]) == 5


def test_slurm_is_told_what_the_options_say(tmp_path, monkeypatch):
    """Submitit writes the file that sbatch reads; sbatch itself is not here."""
    import submitit

    from cnnlab.sweep.launchers.with_submitit import _parameters

    options = SubmititSlurm(
        partition="gpu", timeout_min=90, cpus_per_task=8, gpus_per_node=2, mem_gb=32.0,
        array_parallelism=5, setup=("module load cuda",), additional_parameters={"exclude": "n3"},
    )  # fmt: skip
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/srun")
    executor = submitit.AutoExecutor(tmp_path, cluster="slurm")
    executor.update_parameters(**_parameters(options))
    text = executor._executor._make_submission_file_text("COMMAND", "id")
    for line in (
        "--partition=gpu",
        "--time=90",
        "--cpus-per-task=8",
        "--gpus-per-node=2",
        "--mem=32GB",
        "--signal=USR2@120",
        "--exclude=n3",
        "--job-name=cnnlab",
    ):
        assert f"#SBATCH {line}\n" in text, text
    assert "module load cuda\n" in text
    assert executor._executor.parameters["array_parallelism"] == 5
