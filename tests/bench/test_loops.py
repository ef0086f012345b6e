"""The loops that are timed against each other do the same work."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from cnnlab.app.bench_against import choose
from cnnlab.bench import bare, usual
from cnnlab.bench.against import time_ours
from cnnlab.bench.workload import Workload
from cnnlab.data.loading.normalise import Normalise

TINY = ["data=synthetic", "data.size=16", "data.num_train=70", "data.num_val=30", "batch_size=16"]
MLP = ["model=mlp", "model.hidden=[8,6]", "model.batch_norm=true"]
SGD = {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.01}
WORDS = [f"optim.{key}={value}" for key, value in SGD.items()]


def train_bare(workload: Workload) -> tuple[torch.nn.Module, list[tuple[float, ...]]]:
    parts = workload.assemble()
    history = bare.train(
        parts.model,
        workload.splits,
        parts.dataset.spec,
        epochs=parts.epochs,
        batch_size=workload.config.batch_size,
        seed=workload.config.seed,
        **SGD,
    )
    return parts.model, list(history)


@pytest.mark.parametrize("model", [MLP, ["model=lenet5"]], ids=["mlp", "lenet5"])
def test_bare_and_ours_end_at_the_same_weights(model: list[str]) -> None:
    workload = choose("bare", [*model, *TINY, *WORDS, "seed=3"], epochs=2)
    expected, _ = train_bare(workload)
    parts = workload.assemble()
    before = {name: value.clone() for name, value in parts.model.state_dict().items()}
    assert time_ours(parts, workload) > 0
    for name, value in expected.state_dict().items():
        assert torch.equal(value, parts.model.state_dict()[name]), name
        assert not torch.equal(value, before[name]), name


@pytest.mark.usefixtures("cifar10")
def test_a_data_set_that_augments_by_default_trains_as_bare_does() -> None:
    workload = choose("bare", [*MLP, "data=cifar10", "batch_size=16", *WORDS], epochs=2)
    expected, _ = train_bare(workload)
    parts = workload.assemble()
    assert parts.config.data["augment"].crop == 4
    time_ours(parts, workload)
    for name, value in expected.state_dict().items():
        assert torch.equal(value, parts.model.state_dict()[name]), name


def test_bare_reports_what_an_evaluation_of_its_model_gives() -> None:
    workload = choose("bare", [*MLP, *TINY, *WORDS], epochs=3)
    model, history = train_bare(workload)
    assert len(history) == 3
    assert history[-1][0] < history[0][0]  # it learns
    val, spec = workload.splits.val, workload.assemble().dataset.spec
    with torch.no_grad():
        logits = model.eval()(Normalise(spec)(val.pixels))
    assert history[-1][3] == pytest.approx((logits.argmax(1) == val.labels).float().mean().item())
    loss = torch.nn.functional.cross_entropy(logits, val.labels).item()
    assert history[-1][2] == pytest.approx(loss, rel=1e-5)


def test_the_usual_way_trains_on_torchvisions_mnist(
    mnist: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*MLP, f"data.root={mnist}", "batch_size=16", *WORDS]
    workload = choose("usual", words, epochs=1)
    parts = workload.assemble()
    before = {name: value.clone() for name, value in parts.model.state_dict().items()}
    options = {"epochs": 1, "batch_size": 16, "eval_size": 16, "device": torch.device("cpu")}
    seconds = usual.train(parts.model, parts.dataset, workload.splits, **options, **SGD)
    assert 0 < seconds < 60
    after = parts.model.state_dict()
    assert all(not torch.equal(after[name], before[name]) for name in before)
    assert after["hidden.1.num_batches_tracked"] == 4  # 50 images in batches of 16, none dropped
    assert capfd.readouterr() == ("", "")
    train, val = usual.read(parts.dataset, workload.splits)
    assert (len(train), len(val)) == (50, 10)  # type: ignore[arg-type]
    (images, labels) = next(iter(DataLoader(train, 50)))
    assert (images.shape, labels.shape) == ((50, 1, 28, 28), (50,))
    pixels = (images * 0.3081 + 0.1307) * 255
    assert torch.allclose(pixels, pixels.round(), atol=1e-3)
    assert pixels.round().max() > 250


@pytest.mark.parametrize("channels", [1, 3])
def test_the_usual_way_sees_our_numbers(channels: int) -> None:
    workload = choose("usual", [*MLP, *TINY, f"data.channels={channels}"], epochs=1)
    dataset, splits = workload.assemble().dataset, workload.splits
    train, val = usual.read(dataset, splits)
    for pictures, images in ((train, splits.train), (val, splits.val)):
        (inputs, labels) = next(iter(DataLoader(pictures, len(images))))
        assert torch.allclose(inputs, Normalise(dataset.spec)(images.pixels), atol=1e-6)
        assert torch.equal(labels, images.labels)
