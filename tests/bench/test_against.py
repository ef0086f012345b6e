"""`cnnlab bench --against` as its user types it."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision.datasets.mnist
from torch import nn

from cnnlab.app.bench_against import choose
from cnnlab.bench.against import _options, contenders, time_ours
from cnnlab.data.dataset import Images

TINY = ["data=synthetic", "data.size=16", "data.num_train=64", "data.num_val=20", "batch_size=16"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("against", "model", "ratio", "names"),
    [
        ("usual", "mlp", "usual / ours = ", ["usual", "ours", "bare", "bare again"]),
        ("bare", "lenet5", "ours / bare = ", ["ours", "bare", "bare again"]),
    ],
)
def test_it_prints_ratio_and_control_and_leaves_what_was_named(
    cnnlab: Callable, tmp_path: Path, against: str, model: str, ratio: str, names: list[str]
) -> None:
    files = ["--json", "b.json", "--plot", "b.png"]
    answer = cnnlab("bench", "--against", against, "--rounds", "2", *TINY, *files)
    assert answer.code == 0
    assert answer.out.startswith(
        f"One epoch of {model} on synthetic: 64 training and 20 validation images, batches of 16\n"
    )
    lines = answer.out.splitlines()
    rows = [line.rsplit(maxsplit=3) for line in lines[4 : 4 + len(names)]]
    assert [name.strip() for name, *_ in rows] == names
    assert all(0 < float(low) <= float(mid) <= float(high) for _, mid, low, high in rows)
    assert sum(line.startswith(ratio) for line in lines) == 1
    assert sum(line.startswith("bare again / bare = ") for line in lines) == 1
    assert "threads 1, load average before" in lines[-3]
    progress = answer.err.splitlines()
    assert [line.split("  ")[0] for line in progress] == ["round 1/2", "round 2/2"]
    assert {path.name for path in tmp_path.iterdir()} == {"b.json", "b.png"}
    found = json.loads((tmp_path / "b.json").read_text())
    assert [list(each) for each in found["epoch_seconds"]] == [names, names]
    assert found["ratio"]["n"] == 2


def test_the_default_of_usual_is_the_mlp_with_batch_norm_on_mnist(mnist: Path) -> None:
    workload = choose("usual", [f"data.root={mnist}", "batch_size=10"], epochs=1)
    assert workload.config.model["hidden"] == (64, 128, 64)
    assert workload.config.model["batch_norm"] is True
    assert workload.config.data["name"] == "mnist"
    assert (workload.config.trainer.accelerator, workload.config.trainer.precision) == ("cpu", "32")
    widths = [value.shape for value in workload.assemble().model.parameters() if value.ndim == 2]
    assert widths == [(64, 784), (128, 64), (64, 128), (10, 64)]
    assert choose("bare", [f"data.root={mnist}", "batch_size=10"], 1).config.model == {
        "name": "lenet5",
        "activation": "relu",
        "pool": "max",
    }


@pytest.mark.parametrize("step", ["bench.usual.Classifier", "training.module.TrainingModule"])
def test_ctrl_c_is_said_in_a_line(
    cnnlab: Callable, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"cnnlab.{step}.training_step", press)
    answer = cnnlab("bench", "--against", "usual", *TINY)
    assert (answer.code, answer.out) == (130, "")
    assert answer.err.endswith("cnnlab: interrupted\n")


def test_seconds_are_of_one_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = choose("usual", ["model=mlp", *TINY], epochs=4)
    for name in ("usual.train", "against.time_ours"):
        monkeypatch.setattr(f"cnnlab.bench.{name}", lambda *_, **__: 10.0)
    assert {w: contenders("usual", workload)[w]() for w in ("usual", "ours")} == {
        "usual": 2.5,
        "ours": 2.5,
    }


def test_what_bare_trains_is_on_the_device_before_its_clock_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workload = choose("bare", ["model=mlp", *TINY], epochs=1)
    events: list[str] = []

    def now(_: object) -> float:
        events.append("clock")
        return 0.0

    def train(*_: object, **__: object) -> None:
        events.append(f"train, benchmark={torch.backends.cudnn.benchmark}")

    moved = nn.Module.to
    monkeypatch.setattr(nn.Module, "to", lambda *a: (events.append("model"), moved(*a))[1])
    monkeypatch.setattr(Images, "to", lambda self, _: (events.append("images"), self)[1])
    monkeypatch.setattr("cnnlab.bench.against.now", now)
    monkeypatch.setattr("cnnlab.bench.bare.train", train)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)  # trainings leave it true
    contenders("bare", workload)["bare"]()
    assert events == ["model", "images", "images", "clock", "train, benchmark=True", "clock"]
    assert not torch.backends.cudnn.benchmark


def _uncompiled(network: nn.Module, criterion: nn.Module, _: object) -> Callable:
    return lambda inputs, targets: criterion(network(inputs), inputs, targets)


def test_a_compiled_network_trains_an_epoch_more_that_is_not_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnnlab.training.wiring.compile_step", _uncompiled)
    ours = ["trainer.compile=true", "trainer.precision=bf16"]
    workload = choose("bare", ["model=mlp", "model.batch_norm=true", *TINY, *ours], epochs=1)
    parts = workload.assemble()
    assert time_ours(parts, workload) > 0
    steps = [v for k, v in parts.model.state_dict().items() if k.endswith("num_batches_tracked")]
    assert set(map(int, steps)) == {8}  # 4 steps an epoch
    assert _options(workload) == "; ours with trainer.precision=bf16 trainer.compile=true"
    assert _options(choose("bare", TINY, epochs=1)) == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=lenet"], "did you mean 'lenet5'?"),
        (["data=mnsit"], "did you mean 'mnist'?"),
        (["optim=adam"], "bench --against has no option 'optim'"),
        (["trainer.accumulate=2"], "bench --against has no option 'trainer.accumulate'"),
        (["data.augment.flip=true"], "bench --against has no option 'data.augment.flip'"),
        (["optim.lr=-1"], "optim.lr=-1 must be above 0"),
        (["model=mlp", "model.dept=20"], "model=mlp has no option 'dept'"),
        (["model=conv_autoencoder", *TINY], "needs a classifier"),
        ([*TINY, "seed=0,1"], "seed=0,1 has several values"),
        ([*TINY[:-1], "batch_size=65"], "batch_size=65 is larger than the training set"),
        (["--seconds", "1"], "--against and --seconds cannot be combined"),
        (["--rounds", "0"], "--rounds"),
    ],
)
def test_refusals(cnnlab: Callable, tmp_path: Path, words: list[str], told: str) -> None:
    answer = cnnlab("bench", "--against", "bare", *words)
    assert answer.code == 2
    assert told in " ".join(answer.err.split())
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_absent_images_are_refused_with_a_way_out(
    cnnlab: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fail)
    answer = cnnlab("bench", "--against", "bare")
    assert answer.code == 2
    assert answer.err.startswith("cnnlab: data=mnist: no files in ")
    assert answer.err.rstrip().endswith(
        "to bench without files: data=synthetic data.size=28 data.num_train=55000 data.num_val=5000"
    )
