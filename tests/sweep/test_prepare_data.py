"""Data that are missing or damaged are said before the first job of a sweep, and by --plan."""

import urllib.request
from urllib.error import URLError

import pytest
import torchvision.datasets.cifar
import torchvision.datasets.mnist

SMALL = ("model=mlp", "model.hidden=[4]", "trainer.max_steps=1", "trainer.accelerator=cpu")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def fail(*_, **__):
        raise URLError("no network in tests")

    for module in (torchvision.datasets.mnist, torchvision.datasets.cifar):
        monkeypatch.setattr(module, "download_and_extract_archive", fail)
    monkeypatch.setattr(urllib.request, "urlopen", fail)


@pytest.mark.parametrize("flags", [(), ("--plan",)])
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["data=mnist"], ["mnist"]),
        (["-m", "data=digits,mnist", "seed=0,1"], ["mnist"]),
        (["-m", "data=cifar10,mnist", "seed=0,1"], ["cifar10", "mnist"]),
        pytest.param(
            ["-m", "data=cifar10,mnist,kmnist,fashion_mnist,cifar100"],
            ["cifar10", "mnist", "kmnist", "fashion_mnist", "cifar100"],
            marks=pytest.mark.slow,
        ),
        (
            ["-m", "data=mnist", "hydra/sweeper=optuna", "optim.lr=interval(0.01,0.1)"],
            ["mnist"],
        ),
    ],
)
def test_missing_files_are_refused_before_anything_starts(cnnlab, tmp_path, words, names, flags):
    answer = cnnlab("train", *flags, *SMALL, *words)
    assert answer.code == 2
    refusals = answer.err[answer.err.index("cnnlab: ") :].strip().splitlines()
    if len(names) == 1:
        assert "expected in data.root: " in refusals.pop()
    for name, first in zip(names[:3], refusals, strict=True):
        assert f"data={name}: no files in {tmp_path / 'no-data'} (no such folder)" in first
        assert "no network in tests" in first
    assert ("(and 2 more data sets)" in refusals[-1]) == (len(names) == 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_plan_takes_a_server_that_answers_for_a_download(cnnlab, tmp_path, monkeypatch):
    class Answer:
        def close(self) -> None:
            pass

    asked = []

    def head(request, timeout):
        asked.append((request.get_method(), request.full_url, timeout))
        return Answer()

    monkeypatch.setattr(urllib.request, "urlopen", head)
    answer = cnnlab("train", "--plan", *SMALL, "data=mnist")
    assert answer.code == 0
    ((method, url, timeout),) = asked
    assert (method, timeout <= 10) == ("HEAD", True)
    assert url.endswith("mnist/train-images-idx3-ubyte.gz")
    assert list(tmp_path.iterdir()) == []
