"""The commands that look at a config before it is trained: show, lr-find and schedule."""

import csv
import math
from pathlib import Path

import pytest
from PIL import Image

from cnnlab.app.compose import compose
from cnnlab.config.schema import build
from cnnlab.registry import DATASETS
from cnnlab.training.learning_rates import LearningRates, learning_rates

# digits has 1,197 training images: 9 steps of an epoch
QUICK = ["model=mlp", "model.hidden=[4]", "data=digits", "batch_size=128"]
STEPS = 27


def rates(*words: str) -> LearningRates:
    return learning_rates(compose([*QUICK, "optim.lr=0.4", "trainer.epochs=3", *words]))


def half_cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2


@pytest.mark.parametrize(
    ("words", "points", "peak"),
    [
        (["schedule=constant"], {0: 0.4, 26: 0.4}, 0),
        (["schedule=step", "schedule.every=1"], {8: 0.4, 9: 0.04, 26: 0.004}, 0),
        (
            ["schedule=multistep", "schedule.milestones=[2]", "schedule.warmup=1"],
            {0: 0.04, 8: 0.04, 9: 0.4, 17: 0.4, 18: 0.04},
            9,
        ),
        (
            ["schedule=cosine", "schedule.warmup_epochs=1"],
            {0: 0.4 / 9, 8: 0.4, 18: 0.4 * half_cosine(0.5), 26: 0.4 * half_cosine(17 / 18)},
            8,
        ),
        (
            ["schedule=onecycle", "schedule.warmup=0.3333333333333333"],
            {0: 0.4 / 25, 8: 0.4, 26: 0.4 / 25e4},
            8,
        ),
        (["schedule=cosine", "trainer.max_steps=5"], {0: 0.4}, 0),
    ],
)
def test_the_learning_rate_of_every_step(words, points, peak) -> None:
    found = rates(*words)
    assert len(found.values) == (5 if "trainer.max_steps=5" in words else STEPS)
    for step, value in points.items():
        assert math.isclose(found.values[step], value, rel_tol=1e-9), step
    assert found.peak == peak
    assert found.notes == []


def test_what_a_schedule_cannot_say_is_said() -> None:
    found = rates("schedule=plateau", "optim.lr_factors={*bias:0.1}", "trainer.max_time=1h")
    assert set(found.values) == {0.4}
    assert found.factors == {1.0: 2, 0.1: 2}
    first, second, third = found.notes
    assert first.startswith("schedule=plateau depends on the validation, which is not known")
    assert second == "trainer.max_time=1h may end the run earlier"
    assert third == "2 parameter tensors have 0.1 times this learning rate"


def test_schedule_draws_and_prints(cnnlab) -> None:
    answer = cnnlab("schedule", *QUICK, "optim.lr=0.4", "--out", "here/lr.png")
    assert answer.code == 0, answer.err
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["first", "0.04444", "0", "0.00"] in lines
    assert ["peak", "0.4", "8", "0.89"] in lines
    assert answer.out.splitlines()[-1] == "here/lr.png"
    with Image.open("here/lr.png") as picture:
        assert picture.size == (1200, 690)
    assert not Path("runs").exists()


@pytest.mark.slow
def test_lr_find_prints_what_to_copy(cnnlab) -> None:
    words = [*QUICK, "model.hidden=[32]", "trainer.accelerator=cpu"]
    answer = cnnlab("lr-find", *words[:1], *words[2:], "--steps", "60", "--out", "found")
    assert answer.code == 0, answer.err
    assert answer.err.startswith("step 6/60  lr ")  # where there is no terminal, a line in ten
    assert 3 < len(answer.err.splitlines()) <= 10
    with Path("found/lr-find-mlp-digits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "lr", "loss", "smoothed_loss"]
    assert math.isclose(float(rows[0]["lr"]), 1e-5, rel_tol=1e-5)
    [steepest, tenth] = [
        line.partition(" ")[0] for line in answer.out.splitlines() if line.startswith("optim.lr=")
    ]
    for word in (steepest, tenth):
        assert 1e-4 < compose([*QUICK, word]).optim["lr"] < 1
    assert sorted(path.name for path in Path().iterdir()) == ["found"]


@pytest.mark.slow
def test_show_counts_and_draws(cnnlab) -> None:
    answer = cnnlab("show", "data=digits", "data.augment.flip=true", "augment=[randaugment]")
    assert answer.code == 0, answer.err
    splits = build(DATASETS, {"name": "digits"}).load()
    assert f"split: train 1,197, val 300, test 300; hash {splits.digest}" in answer.out
    assert "augmentation: flip=true, randaugment(num_ops=2, magnitude=9)" in answer.out
    lines = [line.split() for line in answer.out.splitlines()]
    for k in range(10):
        counts = [(part.labels == k).sum().item() for part in (splits.train, splits.val)]
        [line] = [line for line in lines if line[:1] == [str(k)] and len(line) == 4]
        assert line[1:3] == list(map(str, counts))
    assert answer.out.splitlines()[-2:] == ["digits-images.png", "digits-classes.png"]
    for name in ("digits-images.png", "digits-classes.png"):
        with Image.open(name) as picture:
            assert min(picture.size) > 500


@pytest.mark.slow
def test_show_takes_fewer_images_than_a_batch(cnnlab) -> None:
    answer = cnnlab("show", "data=digits", "data.subset=20", "trainer.accumulate=2")
    assert answer.code == 0
    few = "20 training images are fewer than a batch of 256: shown with batch_size=20"
    assert answer.err == f"{few}\n"
    assert "split: train 20, val 300, test 300; hash " in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "data=cifar"], "did you mean 'cifar10'"),
        (["show", "data.augment.flipp=true"], "did you mean 'data.augment.flip'"),
        (["show", "data=digits", "data=mnist"], "data is given twice"),
        (["schedule", "schedule=cosine,step"], "schedule=cosine,step has several values"),
        (["schedule", "schedule=cosine", "schedule.warmup_epochs=10"], "as long as the run"),
        (["lr-find", "--lr-min", "1", "--lr-max", "0.1"], "must be above 0 and below --lr-max"),
        (["lr-find", "model=lenet", "data=digits"], "did you mean 'lenet5'"),
        (["schedule", "--out", "taken/x.png"], "taken is a file, not a folder"),
    ],
)
def test_mistakes_are_refused(cnnlab, words, said) -> None:
    Path("taken").touch()
    answer = cnnlab(*words)
    assert answer.code == 2
    assert said in answer.err
    assert [path.name for path in Path().iterdir()] == ["taken"]
