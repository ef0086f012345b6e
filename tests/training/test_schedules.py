"""Each schedule equals torch's own, step by step; its options are in epochs."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as theirs
from torch.optim.lr_scheduler import LRScheduler

from cnnlab.registry import SCHEDULES
from cnnlab.training.plateau import Plateau
from cnnlab.training.schedule import (
    Constant,
    Cosine,
    Linear,
    MultiStep,
    OneCycle,
    Schedule,
    Step,
)

SPE, TOTAL = 7, 70  # ten epochs of seven steps


def warm_cosine(optimizer: torch.optim.Optimizer) -> LRScheduler:
    warm = theirs.LinearLR(optimizer, start_factor=1 / 14, total_iters=13)
    fall = theirs.CosineAnnealingLR(optimizer, T_max=TOTAL - 14)
    return theirs.SequentialLR(optimizer, [warm, fall], milestones=[14])


def one_cycle(optimizer: torch.optim.Optimizer) -> LRScheduler:
    return theirs.OneCycleLR(optimizer, max_lr=0.4, total_steps=TOTAL, cycle_momentum=False)


def triangle(optimizer: torch.optim.Optimizer) -> LRScheduler:
    rise = theirs.LinearLR(optimizer, start_factor=0.2, total_iters=14)
    fall = theirs.LinearLR(optimizer, 1.0, 0.07, total_iters=TOTAL - 14)
    return theirs.SequentialLR(optimizer, [rise, fall], milestones=[14])


NUM_PAIRS: list[tuple[Schedule, Callable[[torch.optim.Optimizer], LRScheduler]]] = [
    (Constant(TOTAL, SPE), lambda o: theirs.ConstantLR(o, factor=1.0)),
    (Step(TOTAL, SPE, every=3, gamma=0.5), lambda o: theirs.StepLR(o, 21, 0.5)),
    (MultiStep(TOTAL, SPE, milestones=[2, 5.5]), lambda o: theirs.MultiStepLR(o, [14, 38], 0.1)),
    (Cosine(TOTAL, SPE, warmup_epochs=0), lambda o: theirs.CosineAnnealingLR(o, T_max=TOTAL)),
    (
        Cosine(TOTAL, SPE, warmup_epochs=0, final_factor=0.1),
        lambda o: theirs.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.04),
    ),
    (Cosine(TOTAL, SPE, warmup_epochs=2), warm_cosine),
    (OneCycle(TOTAL, SPE), one_cycle),
    (Linear(TOTAL, SPE, warmup=0.2, final_factor=0.07), triangle),
    (Linear(TOTAL, SPE), lambda o: theirs.LinearLR(o, 1.0, 0.0, TOTAL)),
]


@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")  # SequentialLR's own
@pytest.mark.parametrize(("ours", "make"), NUM_PAIRS, ids=lambda x: type(x).__name__)
def test_equals_torch(ours: Schedule, make: Callable[[torch.optim.Optimizer], LRScheduler]) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler = make(optimizer)
    for step in range(TOTAL):
        expected = optimizer.param_groups[0]["lr"]
        assert math.isclose(0.4 * ours.factor(step), expected, rel_tol=1e-9, abs_tol=1e-12), step
        optimizer.step()
        if step < TOTAL - 1:
            scheduler.step()


@pytest.mark.parametrize("metric", ["val_loss", "val_acc"])
def test_plateau_equals_torch(metric: str) -> None:
    values = [1.0, 0.8, 0.8, 0.81, 0.79999, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6]
    values = values if metric == "val_loss" else [1 - value for value in values]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    mode = "min" if metric == "val_loss" else "max"
    scheduler = theirs.ReduceLROnPlateau(optimizer, mode=mode, patience=1, factor=0.5)
    ours = Plateau(TOTAL, SPE, metric=metric, patience=1, gamma=0.5)  # type: ignore[arg-type]
    rates = []
    for epoch, value in enumerate(values, 1):
        scheduler.step(value)
        ours.epoch_end({"epoch": epoch, metric: value})
        rates.append(0.4 * ours.factor(0))
        assert rates[-1] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert rates[-1] == pytest.approx(0.4 * 0.5**4)  # it did fall, four times


def test_plateau_continues_from_its_state() -> None:
    first = Plateau(TOTAL, SPE, patience=1)
    for epoch in (1, 2):
        first.epoch_end({"epoch": epoch, "val_loss": 1.0})
    second = Plateau(2 * TOTAL, SPE, patience=1)
    second.load_state_dict(first.state_dict())
    second.epoch_end({"epoch": 3, "val_loss": 1.0})
    assert (first.factor(0), second.factor(0)) == (1.0, 0.1)
    state = {name: value for name, value in first.state_dict().items() if name != "judged"}
    second.load_state_dict(state)  # as of a checkpoint made before
    second.epoch_end({"epoch": 3, "val_loss": 1.0})
    assert second.factor(0) == 0.1


def test_plateau_counts_the_epochs_between_validations() -> None:
    ours = Plateau(TOTAL, SPE, patience=2, gamma=0.5)
    factors = []
    for epoch in (3, 6, 7, 9, 12):
        ours.epoch_end({"epoch": epoch, "val_loss": 1.0})
        factors.append(ours.factor(0))
    assert factors == [1, 0.5, 0.5, 0.25, 0.125]


def test_all_but_plateau_keep_no_state() -> None:
    """So that a run resumed with more epochs follows the longer schedule."""
    names = {entry.name for entry in SCHEDULES}
    assert names == {"constant", "step", "multistep", "cosine", "onecycle", "linear", "plateau"}
    assert all(ours.state_dict() == {} for ours, _ in NUM_PAIRS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Cosine(70, 7, warmup_epochs=10).check_length(70),
            "warmup_epochs=10 is as long as the run of 10 epochs",
        ),
        (lambda: MultiStep(70, 7, milestones=[5, 2]), r"must increase, such as \[2, 5\]"),
        (
            lambda: MultiStep(70, 7, milestones=[5, 10]).check_length(70),
            "milestone 10 is past the end of the run of 10 epochs",
        ),
        (
            lambda: MultiStep(70, 7, milestones=[5, 71], unit="steps").check_length(70),
            "milestone 71 is past the end of the run of 70 steps",
        ),
        (
            lambda: MultiStep(70, 7, milestones=[], warmup=10.5).check_length(70),
            "warmup=10.5714 is as long as the run of 10 epochs",
        ),
    ],
)
def test_impossible_ones_are_refused(make: Callable[[], Schedule | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_plan_up_to_the_last_step_is_not_refused() -> None:
    MultiStep(70, 7, milestones=[69], unit="steps", warmup=69).check_length(70)
    Cosine(70, 7, warmup_epochs=9).check_length(70)
    Cosine(3, 7, warmup_epochs=9).check_length(70)  # cut short, to see it begin


def test_milestones_and_warmup_in_steps() -> None:
    ours = MultiStep(9, 3, milestones=[4, 7], unit="steps", gamma=0.5, warmup=2, warmup_factor=0.2)
    assert [ours.factor(step) for step in range(9)] == [0.2, 0.2, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    in_epochs = MultiStep(9, 3, milestones=[1, 2], warmup=1, warmup_factor=0)
    assert [in_epochs.factor(step) for step in (2, 3, 5, 6)] == [0, 0.1, 0.1, pytest.approx(0.01)]


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_runs_have_a_learning_rate(total: int) -> None:
    for schedule in (Cosine(total, 1), OneCycle(total, 1), Step(total, 1)):
        assert all(0 < schedule.factor(step) <= 1 for step in range(total))


@pytest.mark.parametrize(
    ("epochs", "warmup_epochs"), [(10, 1), (200, 1), (5, 0.5), (1, 0.1)], ids=str
)
def test_the_default_warm_up_is_a_tenth_of_the_run_and_one_epoch_at_most(
    epochs: int, warmup_epochs: float
) -> None:
    default, given = (Cosine(20 * epochs, 20, warmup_epochs=w) for w in (None, warmup_epochs))
    factors = [default.factor(step) for step in range(20 * epochs)]
    assert factors == [given.factor(step) for step in range(20 * epochs)]
    assert factors.index(1.0) == 20 * warmup_epochs - 1
