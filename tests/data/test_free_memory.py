"""Free memory from files like those of the kernel."""

from pathlib import Path

import pytest

from cnnlab.data import free_memory as memory

GB = 2**30
JOB = "system.slice/slurmstepd.scope/job_7"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """64 GB are available; this process is in a group without files."""
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "meminfo").write_text(
        f"MemTotal: 90 kB\nMemFree: 10 kB\nMemAvailable:   {64 * GB // 1024} kB\n"
    )
    (tmp_path / "own").write_text("0::/\n")
    return tmp_path


def limit(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_without_limits_it_is_what_linux_calls_available(machine: Path) -> None:
    assert memory.free_memory() == 64 * GB
    (machine / "own").unlink()
    assert memory.free_memory() == 64 * GB
    (machine / "meminfo").unlink()
    assert memory.free_memory() is None or memory.free_memory() > 2**28


def test_of_a_slurm_job_the_least_limit_on_the_way_up(machine: Path) -> None:
    """Version 2: the process is two levels below the job that has the limit."""
    (machine / "own").write_text(f"0::/{JOB}/step_0/user/task_0\n")
    top = machine / "cgroup"
    limit(top / JOB / "step_0/user/task_0", memory__max="max", memory__current=5)
    limit(top / JOB, memory__max=16 * GB, memory__current=0)
    assert memory.free_memory() == 16 * GB
    limit(top / JOB / "step_0", memory__max=8 * GB, memory__current=3 * GB)
    assert memory.free_memory() == 5 * GB
    stat = f"anon 77\ninactive_file {GB}\nactive_file {GB}\nactive_anon {GB}"
    limit(top / JOB / "step_0", memory__stat=stat)  # a cache of files is given back
    assert memory.free_memory() == 7 * GB
    limit(top / JOB / "step_0", memory__current=99 * GB)
    assert memory.free_memory() == 0


def test_of_a_container_the_limit_at_the_root(machine: Path) -> None:
    (machine / "own").write_text("0::/docker/0123\n")  # of the host: not to be seen from inside
    limit(machine / "cgroup", memory__max=4 * GB, memory__current=GB)
    assert memory.free_memory() == 3 * GB


def test_version_1_and_beside_an_empty_version_2(machine: Path) -> None:
    (machine / "own").write_text("9:cpu:/\n4:memory:/slurm/uid_5/job_7/step_0\n0::/\n")
    group = machine / "cgroup" / "memory" / "slurm" / "uid_5" / "job_7"
    unlimited = 9223372036854771712
    limit(machine / "cgroup" / "memory", memory__limit_in_bytes=unlimited)
    limit(group / "step_0", memory__limit_in_bytes=unlimited, memory__usage_in_bytes=GB)
    assert memory.free_memory() == 64 * GB
    stat = f"inactive_file 1\ntotal_inactive_file {GB}\ntotal_active_file {GB}"
    limit(
        group,
        memory__limit_in_bytes=10 * GB,
        memory__usage_in_bytes=4 * GB,
        memory__stat=stat,
    )
    assert memory.free_memory() == 8 * GB


def test_a_limit_above_what_is_available_changes_nothing(machine: Path) -> None:
    limit(machine / "cgroup", memory__max=200 * GB, memory__current=GB)
    assert memory.free_memory() == 64 * GB


def test_of_other_devices_none_is_known() -> None:
    assert memory.free_memory("meta") is None
