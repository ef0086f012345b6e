"""What a run sets for its process: the allocator, TF32, cuDNN's autotuning; what it leaves."""

import subprocess
import sys

import pytest
import torch

from cnnlab.config.options import TrainerConfig
from cnnlab.training import cpu_bfloat16, malloc
from cnnlab.training.cpu_bfloat16 import has_native_bfloat16, suggests_bfloat16
from cnnlab.training.isolation import isolated
from cnnlab.training.trainer import make_trainer

CUDNN = torch.backends.cudnn


def settings() -> tuple[object, ...]:
    return CUDNN.benchmark, CUDNN.allow_tf32, torch.get_float32_matmul_precision()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (True, True, "highest")),
        ({"tf32": "true"}, (True, True, "high")),
        ({"tf32": "false", "deterministic": True}, (False, False, "highest")),
    ],
)
def test_on_a_gpu_it_is_set_and_restored(monkeypatch, options, expected) -> None:
    before = settings()
    assert before == (False, True, "highest")
    trainer = TrainerConfig(epochs=1, **options)
    with isolated():
        make_trainer(trainer, 1)
        assert settings()[1:] == before[1:]  # no GPU: 32-bit arithmetic stays as it is
    with isolated():
        monkeypatch.setattr("cnnlab.training.trainer.pl.Trainer", lambda **options: options)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
        made = make_trainer(trainer, 1)
        CUDNN.benchmark = made["benchmark"]
        assert settings() == expected
        monkeypatch.undo()
    assert settings() == before


def test_compiled_code_does_not_outlive_a_job(monkeypatch) -> None:
    resets = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: resets.append(1))
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    with isolated():
        pass
    assert resets == []
    monkeypatch.setitem(sys.modules, "torch._dynamo", object())
    with isolated():
        assert resets == []
    assert resets == [1]


FLAGS = "processor\t: 0\nflags\t\t: fpu avx2 {}\nbugs\t\t: none\n"


@pytest.mark.parametrize(
    ("text", "native"),
    [
        (FLAGS.format("avx512f avx512_bf16"), True),
        (FLAGS.format("amx_bf16"), True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        (FLAGS.format("avx512f"), False),
        ("flags: fpu\nmodel name: bf16\n", False),
        (None, False),
    ],
)
def test_bfloat16_is_suggested_only_where_the_cpu_has_it(tmp_path, monkeypatch, text, native):
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(cpu_bfloat16, "CPU_FILE", file)
    has_native_bfloat16.cache_clear()
    cpu, chosen = (
        TrainerConfig(accelerator="cpu"),
        TrainerConfig(accelerator="cpu", precision="bf16"),
    )
    try:
        assert has_native_bfloat16() is native
        assert suggests_bfloat16([chosen, cpu]) is native
        assert not suggests_bfloat16([chosen])
    finally:
        has_native_bfloat16.cache_clear()


class Libc:
    """Takes options of malloc as glibc does, blocks up to ``largest``."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.told: dict[int, int] = {}
        self.trimmed = 0

    def mallopt(self, option: int, value: int) -> int:
        if option == malloc.M_MMAP_THRESHOLD and value > self.largest:
            return 0
        self.told[option] = value
        return 1

    def malloc_trim(self, _: int) -> None:
        self.trimmed += 1


@pytest.fixture
def fresh(monkeypatch):
    for name in (*malloc.OWN_SETTINGS, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    malloc.keep_freed_memory.cache_clear()
    yield
    malloc.keep_freed_memory.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("largest", [1 << 31, 1 << 25])
def test_freed_memory_is_kept_within_a_job(monkeypatch, largest) -> None:
    libc = Libc(largest)
    monkeypatch.setattr(malloc, "_function", lambda name: getattr(libc, name))
    assert malloc.keep_freed_memory()
    assert libc.told == {-3: min(largest, 1 << 30), -1: 2**31 - 1, -2: 1 << 26}
    malloc.return_freed_memory()
    assert libc.trimmed == 1


@pytest.mark.usefixtures("fresh")
def test_other_libraries_and_own_settings_are_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(malloc, "_function", lambda _: None)
    assert not malloc.keep_freed_memory()
    malloc.return_freed_memory()
    malloc.keep_freed_memory.cache_clear()
    monkeypatch.setattr(malloc, "_function", lambda name: getattr(Libc(1 << 31), name))
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not malloc.keep_freed_memory()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of glibc")
def test_glibc_reuses_a_large_block() -> None:
    """64 MB, written and freed ten times, are faulted in once: 16,384 pages of 4 kB."""
    code = """
import ctypes, resource
from cnnlab.training.malloc import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
told = keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    block = libc.malloc(1 << 26)
    ctypes.memset(block, 1, 1 << 26)
    libc.free(block)
use()
before = faults()
for _ in range(10): use()
print(told, faults() - before)
"""
    code = code.replace("from cnnlab.training.malloc", "from malloc")  # the file alone, no torch
    folder = str(malloc.__file__).rpartition("/")[0]
    command = [sys.executable, "-c", f"import sys; sys.path.append({folder!r})\n{code}"]
    told, faults = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.split()
    if told == "False":
        pytest.skip("another C library")
    assert int(faults) < 1000
