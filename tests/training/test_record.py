"""What a finished run has recorded of its costs, its origin and its mistakes."""

import dataclasses
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from cnnlab.app.command import read_command
from cnnlab.config.schema import build
from cnnlab.data.dataset import Images
from cnnlab.registry import DATASETS, MODELS
from cnnlab.runs.mistakes import read_mistakes
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.sweep.execute import execute
from cnnlab.training import environment, peak_memory
from cnnlab.training.peak_memory import PeakMemory
from cnnlab.training.record import _test_report
from cnnlab.training.tasks.classify import Classify

SMALL = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=100"]
SMALL += ["data.size=8", "data.channels=3", "batch_size=20", "trainer.epochs=1", "logger=[]"]
SMALL += ["trainer.accelerator=cpu"]
CPU = torch.device("cpu")


class TakeMemory(pl.Callback):
    """Holds 300 MB for a moment at the start of the training."""

    def callbacks(self):
        return [self]

    def on_train_start(self, *_) -> None:
        torch.ones(300_000_000, dtype=torch.uint8)


def trained(*words: str, hooks=()) -> RunDir:
    command = read_command([*SMALL, *words], False)
    job = dataclasses.replace(command.make_job(command.overrides), hooks=hooks)
    execute(job)
    assert job.run_dir.is_done, job.run_dir.status()
    return job.run_dir


def test_of_the_test_images_only_mistakes_are_read(tmp_path) -> None:
    """All photographs of a large test set do not fit into memory."""
    pixels, labels = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1), torch.tensor([0, 1, 1, 0])
    whole = Images(pixels, labels)
    images = SimpleNamespace(labels=labels, select=whole.select, between=whole.between)
    outputs = torch.tensor([[2.0, 0], [3, 0], [0, 1], [0, 4]])
    wiring = SimpleNamespace(
        module=SimpleNamespace(task=Classify(), test_outputs=outputs, num_tested=4),
        data=SimpleNamespace(
            evaluated=lambda _: images, evaluated_indices=lambda _: torch.arange(4)
        ),
        trainer=SimpleNamespace(loggers=[]),
    )
    _test_report(RunDir(tmp_path), ImageSpec(1, 1, 1, 2), images, wiring)
    found = read_mistakes(RunDir(tmp_path).mistakes_file)
    assert found.pixels.flatten().tolist() == found.index.tolist() == [3, 1]
    assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 1], [1, 0])


@pytest.fixture
def runs(tmp_path, monkeypatch) -> tuple[RunDir, RunDir]:
    """Of one process: one that takes 300 MB and tests a sample; one without a test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    trained("trainer.test=false", "seed=1")  # at its end goes what earlier tests left
    large = trained("trainer.max_eval_steps=2", hooks=(TakeMemory(),))
    return large, trained("trainer.test=false")


@pytest.mark.slow
def test_costs_origin_and_mistakes_of_two_runs_of_one_process(runs):
    for run in runs:
        result = run.result()
        assert 0 < result["latency_seconds"] < 0.1
        assert result["device"] == environment.device_name(CPU)
        assert result["threads"] == torch.get_num_threads()
        assert result["devices"] == 1
        assert result["torch"] == torch.__version__.partition("+")[0]
        assert result["cnnlab"]
        assert "commit" not in result
        assert "peak_device_bytes" not in result
        assert result.get("paper", "") == MODELS["mlp"].paper
    peaks = [run.result()["peak_host_bytes"] for run in runs]
    # what the first imports for its test, the second holds from its start
    assert 180e6 < peaks[0] - peaks[1] < 320e6

    tested, untested = runs
    assert not untested.mistakes_file.exists()
    found = read_mistakes(tested.mistakes_file)
    outputs = np.load(tested.outputs_file("logits"))
    exact = torch.from_numpy(outputs["logits"]).double().softmax(1)
    confidence, predicted = exact.max(1)
    wrong = (predicted.numpy() != outputs["labels"]).nonzero()[0]
    order = sorted(wrong, key=lambda image: -confidence[image])[:25]
    assert 0 < len(order) == len(found)
    assert found.labels.tolist() == outputs["labels"][order].tolist()
    assert found.predicted.tolist() == predicted[order].tolist()
    assert found.confidence == pytest.approx(confidence[order].numpy(), abs=1e-6)
    test = build(DATASETS, tested.config()["data"]).load().test
    assert len(outputs["labels"]) == 40 < len(test)
    assert (found.pixels == test.pixels[found.index].numpy()).all()
    assert found.labels.tolist() == test.labels[found.index].tolist()


def test_the_peak_of_a_gpu_is_restarted_and_read_there(monkeypatch):
    peaks = {"cuda:1": 10**9}
    begun = []  # before CUDA is, torch refuses to reset a peak

    def reset(device):
        assert begun
        peaks[str(device)] = 7

    monkeypatch.setattr(torch.cuda, "init", lambda: begun.append(True))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peaks[str(device)])
    assert PeakMemory(torch.device("cuda:1")).columns()["peak_device_bytes"] == 7


def test_a_peak_that_cannot_be_restarted_counts_where_it_has_risen(monkeypatch, tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 9000 kB\nVmHWM:\t    2000 kB\nVmRSS:\t 1 kB\n")
    monkeypatch.setattr(peak_memory, "STATUS_FILE", status)
    monkeypatch.setattr(peak_memory, "RESET_FILE", tmp_path / "none" / "clear_refs")
    memory = PeakMemory(CPU)
    assert memory.columns() == {}  # 2000 kB may be of an earlier run
    status.write_text("VmHWM:\t3000 kB\n")
    assert memory.columns() == {"peak_host_bytes": 3000 * 1024}
    status.unlink()
    now = PeakMemory(CPU)
    block = bytearray(10_000_000)
    block[::4096] = b"1" * len(block[::4096])
    assert all(100e6 < peak < 1e12 for peak in now.columns().values())  # by getrusage
