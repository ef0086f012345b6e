"""``trainer.val_every``: which epochs are validated, and what waits for them."""

import math
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
from lightning.pytorch import Callback
from small_run import SPEC, AccidentError, CrashAt, assert_same

from cnnlab.data.loading.chunks import Position
from cnnlab.training.callback_options import grad_norm
from cnnlab.training.callbacks import EarlyStop, MetricsFile
from cnnlab.training.epoch_pictures import EpochPictures
from cnnlab.training.module import TrainingModule
from cnnlab.training.optim import adam
from cnnlab.training.plateau import Plateau
from cnnlab.training.progress import Progress, _cells
from cnnlab.training.validation import ValidateSome, val_columns


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


def test_what_is_measured_stays_in_the_file(run) -> None:
    """Extra metrics are NaN where there is no validation; the gradient has none to wait for."""
    metrics = {"macro_f1": {}, "per_class": {}}
    made = run(epochs=3, val_every=2, metrics=metrics, callbacks=(grad_norm(),)).fit()
    rows = pd.read_csv(made.folder / "metrics.csv")
    classes = [f"val_acc_{number}" for number in range(4)]
    filled = ["val_loss", "val_acc", "val_macro_f1", *classes]
    assert list(rows)[4:11] == filled == val_columns(made.config(), SPEC)
    assert rows["val_macro_f1"].isna().tolist() == [True, False, False]
    assert (rows["grad_norm_max"] >= rows["grad_norm"]).all()
    assert rows["grad_norm"].nunique() == 3


def module(row: dict[str, float], **attributes: object) -> TrainingModule:
    """A module of which a callback sees these attributes alone."""
    made = TrainingModule.__new__(TrainingModule)
    made.__dict__.update(row=row, is_validated=True, **attributes)
    return made


def test_a_column_of_some_epochs_is_kept(tmp_path) -> None:
    file = MetricsFile(tmp_path / "metrics.csv")
    trainer = SimpleNamespace(is_global_zero=True)
    rows = [{"epoch": 1, "b": 3}, {"epoch": 2, "a": 1, "b": 4, "c": 2}, {"epoch": 3, "b": 5}]
    for row in rows:
        file.on_train_epoch_end(trainer, module(row))
    assert file.path.read_text() == "epoch,b,a,c\n1,3,,\n2,4,1,2\n3,5,,\n"
    file.on_train_epoch_end(trainer, module({"epoch": 2, "b": 6}))
    assert file.path.read_text() == "epoch,b,a,c\n1,3,,\n2,6,,\n"
    file.on_train_epoch_end(trainer, module({"epoch": 1, "b": 7}))
    assert file.path.read_text() == "epoch,b\n1,7\n"


def test_the_table_leaves_a_missing_number_empty() -> None:
    row = {"epoch": 1, "train_loss": 0.5, "val_loss": 0.5, "val_macro_f1": 0.25}
    costs = {"lr": 0.1, "seconds": 1.0, "images_per_second": 9.0}
    progress, drawn = Progress(epochs=2), []
    console = SimpleNamespace(width=99, print=lambda text, **_: drawn.append(str(text).split()))
    progress._bar = SimpleNamespace(console=console)
    progress._print_row(row | costs)
    progress._print_row({"epoch": 2, "train_loss": 0.4} | costs)
    shown = list(_cells(row | costs, 2).values())
    assert drawn[1] == " ".join(shown).split()
    assert drawn[2] == ["2/2", "0.4000", *drawn[1][4:]]


def test_an_epoch_without_validation_is_never_the_best(run) -> None:
    """Nor is it if the run fails before the first validation."""
    options = {"epochs": 3, "val_every": 3}
    made = run(callbacks=(CrashAt("on_train_epoch_start", 40),), **options)
    with pytest.raises(AccidentError):
        made.fit()
    assert made.checkpoint.best == {}
    assert [file.name for file in made.checkpoints.iterdir()] == ["last.ckpt"]
    made.callbacks = ()
    assert made.fit().checkpoint.best == {"epoch": 3, "value": made.rows()[2]["val_acc"]}


@pytest.mark.parametrize(("seconds", "is_due"), [(0.5, False), (1.5, True)])
def test_an_epoch_after_which_the_time_has_run_out_is_validated(seconds, is_due) -> None:
    """Whether there is time for another epoch is decided once, after the last tick of the clock."""
    position = Position(steps_per_epoch=10, max_seconds=1.0, step=10)

    def set_row(_: dict[str, float]) -> None:
        position.seconds += seconds

    trainer = SimpleNamespace(should_stop=False, max_epochs=9)
    some = module({}, position=position, set_row=set_row)
    ValidateSome(5, ()).on_train_batch_end(trainer, some)
    assert some.is_validated is is_due
    assert trainer.check_val_every_n_epoch == (1 if is_due else 5)
    assert position.finished  # the epoch is
    position.epoch, position.step = 1, 0
    assert position.finished is is_due


class StopAfter(Callback):
    def on_train_batch_end(self, trainer, *_) -> None:
        trainer.should_stop |= trainer.global_step >= 30


@pytest.mark.parametrize("chunk_steps", [10, 20])  # within the second epoch, and at its end
def test_the_epoch_in_which_a_callback_stops_is_validated(run, chunk_steps: int) -> None:
    options = {"epochs": 9, "val_every": 5, "chunk_steps": chunk_steps}
    assert validated(run(callbacks=(StopAfter(),), **options).fit()) == [2]


def judged(stop: EarlyStop, epochs: list[int], done: int = 0) -> list[int]:
    """How long it has waited after each of these epochs' validations, all without improvement."""
    trainer = SimpleNamespace(should_stop=False)
    position = SimpleNamespace(step=1, steps_per_epoch=1, epoch=done)
    stop.on_train_start(trainer, module({}, position=position))
    found = []
    for epoch in epochs:
        row = {"epoch": epoch, "val_acc": 0.5}
        stop.on_train_epoch_end(trainer, module(row, position=position))
        found.append(stop.waited)
    assert trainer.should_stop == (stop.waited >= stop.patience)
    return found


def test_patience_counts_the_epochs_since_the_last_validation() -> None:
    """Epoch 4 was the last one of a run that goes on to be validated at 5, 10, ..."""
    first, second = EarlyStop("val_acc", 5), EarlyStop("val_acc", 5)
    assert judged(first, [4]) == [0]
    second.load_state_dict(first.state_dict())
    assert judged(second, [5, 10], done=4) == [1, 6]
    old = {name: value for name, value in first.state_dict().items() if name != "judged"}
    third = EarlyStop("val_acc", 5)
    third.load_state_dict(old)  # of a checkpoint made before
    assert judged(third, [5, 6], done=4) == [1, 2]


@pytest.mark.parametrize(
    ("val_every", "every", "drawn"),
    [
        (1, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (1, 4, [1, 4, 8, 11]),
        (2, 1, [2, 4, 6, 8, 10, 11]),
        (2, 3, [2, 4, 6, 10, 11]),  # 4 for 3, 10 for 9
        (4, 3, [4, 8, 11]),
    ],
)
def test_pictures_are_of_validated_epochs(val_every, every, drawn, monkeypatch) -> None:
    monkeypatch.setattr("cnnlab.training.epoch_pictures.is_fitting", lambda _: True)
    callbacks = [ValidateSome(val_every, ())] if val_every > 1 else []
    trainer = SimpleNamespace(
        callbacks=callbacks, max_epochs=11, is_global_zero=True, should_stop=False
    )
    pictures = EpochPictures(every)
    epochs = [epoch for epoch in range(1, 12) if epoch % val_every == 0 or epoch == 11]
    found = []
    for epoch in epochs:
        if pictures._is_due(trainer, module({}, position=ended(epoch))):
            found.append(epoch)
    assert found == drawn
    for cut in ({"step": 3}, {"out_of_time": True}):  # the run ends with its third epoch
        assert pictures._is_due(trainer, module({}, position=ended(3, **cut)))


def ended(epoch: int, *, step: int = 5, out_of_time: bool = False) -> SimpleNamespace:
    """Where a run is at the end of an epoch of 5 steps."""
    return SimpleNamespace(epoch=epoch - 1, step=step, steps_per_epoch=5, out_of_time=out_of_time)
