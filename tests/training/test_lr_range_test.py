"""The learning rate range test: on a quadratic its losses are known, and where it diverges."""

import dataclasses
from typing import Any

import numpy as np
import torch
from small_run import COSINE, SPLITS, Run, SmallDataset
from torch import Tensor, nn

from cnnlab.config.options import RunConfig
from cnnlab.task import Task
from cnnlab.training.assemble import Assembly
from cnnlab.training.lr_range_test import RangeTest, _test

CURVATURE, FLOOR = 8.0, 1.0  # gradient descent on it diverges above a learning rate of 2/8
LRS = list(np.geomspace(1e-5, 10, 151))


class Quadratic(nn.Module):
    """1 + 4 w^2, whatever the images."""

    def forward(self, outputs: Tensor, *_: Tensor) -> tuple[Tensor, list[Tensor]]:
        return FLOOR + CURVATURE / 2 * outputs.mean() ** 2, []


class Weight(nn.Module):
    """One weight, which is the output for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.weight.expand(len(inputs))


class Descent(Task):
    name = "descent"

    def output_shape(self, _spec: Any, n: int) -> tuple[int, ...]:
        return (n,)

    def criterion(self, *_: Any) -> nn.Module:
        return Quadratic()


def test_losses_of_a_quadratic_and_where_it_diverges(tmp_path) -> None:
    config: RunConfig = Run(tmp_path).config()
    options = dataclasses.replace(config.trainer, max_steps=len(LRS))
    config = dataclasses.replace(config, trainer=options, optim={"name": "sgd", "lr": 0.05})
    model = Weight()
    parts = Assembly(
        config,
        SmallDataset(SPLITS, None),
        model,
        frozenset(),
        torch.optim.SGD(model.parameters(), lr=0.05),
        COSINE(60, 20),
        Descent(),
        20,
        60,
        3,
    )
    seen: list[tuple[int, float, float]] = []
    found = _test(config, parts, SPLITS, (LRS[0], LRS[-1]), lambda *step: seen.append(step))
    weight, losses = 1.0, []
    for lr in found.lrs:
        losses.append(FLOOR + CURVATURE / 2 * weight**2)
        weight *= 1 - lr * CURVATURE
    np.testing.assert_allclose(found.lrs, LRS[: len(found.lrs)], rtol=1e-9)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-3)
    assert 2 / CURVATURE < found.lrs[-1] < 2
    assert found.ended == f"the loss diverged at {found.lrs[-1]:.3g}"
    assert [step for step, *_ in seen] == list(range(1, len(losses) + 1))
    assert found.suggestions is not None
    steepest, tenth = found.suggestions
    assert steepest < 2 / CURVATURE
    assert tenth < 2 / CURVATURE
    assert list(tmp_path.iterdir()) == []


def test_suggestions_of_a_known_curve() -> None:
    def curve(noise: float, fall: float = 2.0) -> RangeTest:
        lrs = np.array(LRS)
        losses = 2.5 - fall / (1 + np.exp(-4 * (np.log10(lrs) + 2)))  # steepest at 0.01
        losses += np.random.RandomState(0).normal(0, noise, len(lrs)) + (2 * lrs) ** 3
        return RangeTest(LRS, losses.tolist())

    for noise in (0.0, 0.05):
        suggestions = curve(noise).suggestions
        assert suggestions is not None
        assert 0.005 < suggestions[0] < 0.02
        assert 0.01 < suggestions[1] < 0.05
    assert curve(0.0, fall=0.0).suggestions is None  # the loss only rises


def test_a_rise_before_the_fall_does_not_end_it() -> None:
    """The first losses rise by a third of the whole fall."""
    losses = [*np.linspace(2.34, 2.44, 6), *np.linspace(2.43, 2.1, 54)]
    found = RangeTest(list(np.geomspace(1e-5, 1e-4, 60)), losses)
    assert found.lowest == 59
    assert found.suggestions is not None
