"""``trainer.val_every``: which epochs are validated, and what waits for them."""

import math
from functools import partial

import pandas as pd
import pytest
from small_run import assert_same

from cnnlab.training.optim import adam
from cnnlab.training.plateau import Plateau


def validated(made) -> list[float]:
    return [row["epoch"] for row in made.rows() if not math.isnan(row["val_acc"])]


def test_every_second_epoch_and_the_last_are_validated(run) -> None:
    every = run("every", epochs=5).fit()
    some = run("some", epochs=5, val_every=2).fit()
    assert validated(some) == [2, 4, 5]
    assert_same(dict(every.model.state_dict()), dict(some.model.state_dict()))
    for one, other in zip(every.rows(), some.rows(), strict=True):
        assert list(one) == list(other)
        known = [name for name in one if not math.isnan(other[name])]
        assert len(known) == (8 if other["epoch"] in (2, 4, 5) else 6) - 1
        assert {name: one[name] for name in known} == {name: other[name] for name in known}
    assert some.checkpoint.best["epoch"] in (2, 4, 5)
    lines = some.stream.getvalue().splitlines()
    assert ["val" in line for line in lines] == [False, True, False, True, True]


@pytest.mark.parametrize(("limit", "epochs"), [({"max_steps": 50}, [2, 3]), ({"epochs": 1}, [1])])
def test_a_run_cut_short_is_validated_at_its_end(run, limit, epochs) -> None:
    assert validated(run(**{"val_every": 2, "epochs": 4, **limit}).fit()) == epochs


def test_patience_counts_epochs_and_is_judged_at_validations(run) -> None:
    """With a learning rate of nearly 0 nothing improves after the first validation, epoch 2."""
    options = {"epochs": 12, "optimizer": partial(adam, lr=1e-12), "val_every": 2}
    made = run(early_stopping=3, schedule=partial(Plateau, patience=0, gamma=0.5), **options).fit()
    assert len(made.rows()) == 6  # waited 2 epochs at epoch 4, 4 at epoch 6
    assert made.module.schedule.drops == 2
    made.fit()
    assert len(made.rows()) == 6


def test_the_file_is_read_as_numbers(run) -> None:
    made = run(epochs=2, val_every=2).fit()
    rows = pd.read_csv(made.folder / "metrics.csv")
    assert rows["val_loss"].isna().tolist() == [True, False]
    assert made.checkpoint.best["epoch"] == 2
