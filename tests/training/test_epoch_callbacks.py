"""metrics.csv, TensorBoard's curves, early stopping and what is printed."""

import io
import re

import pytest
import torch
from lightning.pytorch import Callback
from small_run import Run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnlab.training.callbacks import EarlyStop
from cnnlab.training.progress import _cells, _fitting, _line, _numbers, announce
from cnnlab.training.trainer import lightning_precision

HEADER = "epoch,step,train_loss,train_acc,val_loss,val_acc,lr,seconds,images_per_second"


def test_metrics_file(run) -> None:
    made = run(epochs=2).fit()
    header, *lines = (made.folder / "metrics.csv").read_text().splitlines()
    assert header == HEADER
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "20"), ("2", "40")]
    assert float(rows[0]["lr"]) == pytest.approx(0.05 * made.module.schedule.factor(19))
    seconds = [float(row["seconds"]) for row in rows]
    assert sum(seconds) == pytest.approx(made.position.seconds, rel=0.2)
    for row in rows:  # seconds include the validation, images_per_second does not
        assert 320 / float(row["images_per_second"]) < float(row["seconds"])


def test_metrics_rows_are_replaced(run) -> None:
    made = run(epochs=2)
    made.folder.mkdir()
    stale = ["1,20,9,9,9,9,9,9,9", "2,40,9,9,9,9,9,9,9", "3,60,9,9,9,9,9,9,9"]
    (made.folder / "metrics.csv").write_text("\n".join([HEADER, *stale]) + "\n")
    rows = made.fit().rows()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(row["val_loss"] < 9 for row in rows)


def test_tensorboard_curves(run) -> None:
    made: Run = run(epochs=3, logger=("tensorboard",))
    rows = made.fit().rows()
    made.trainer.logger.finalize("success")
    events = EventAccumulator(str(made.folder / "tb")).Reload()
    assert set(events.Tags()["scalars"]) == {
        *("train/loss", "train/acc", "train/lr", "val/loss", "val/acc"),
        "wall_time/images_per_second",
    }
    for tag, column in [("train/loss", "train_loss"), ("val/acc", "val_acc"), ("train/lr", "lr")]:
        points = [(event.step, event.value) for event in events.Scalars(tag)]
        assert points == [(row["epoch"], pytest.approx(row[column], rel=1e-6)) for row in rows]


@pytest.mark.parametrize(
    ("metric", "values", "epochs"),
    [
        ("val_acc", [0.5, 0.6, 0.6, 0.55, 0.9], 4),  # equal is no improvement
        ("val_loss", [0.5, 0.6, 0.4, 0.45, 0.45], 5),
    ],
)
def test_early_stop(run, metric: str, values: list[float], epochs: int) -> None:
    stop = EarlyStop(metric, patience=2)

    class Pretend(Callback):
        def on_validation_end(self, _, task) -> None:
            task.row[metric] = values[int(task.row["epoch"]) - 1]

    made = run(epochs=5, callbacks=(Pretend(), stop)).fit()
    assert [row["epoch"] for row in made.rows()] == list(range(1, epochs + 1))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_line_per_epoch_without_a_terminal(run) -> None:
    stream = io.StringIO()
    rows = run(chunk_steps=2, title="job 2/12 small", stream=stream).fit().rows()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert "\x1b" not in stream.getvalue()
    for number, (line, row) in enumerate(zip(lines, rows, strict=True), 1):
        assert line.startswith(
            f"job 2/12 small  epoch {number}/3  train loss {row['train_loss']:.4f} "
            f"acc {row['train_acc']:.2%}  val loss {row['val_loss']:.4f} acc {row['val_acc']:.2%}"
        )
        assert re.search(r"lr [\d.e-]+  [\d.]+ s  [\d,]+ images/s$", line)


def test_a_table_of_epochs_above_a_bar_on_a_terminal(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar has its epoch, is gone at the end, and leaves a line an epoch, all within 80."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    title = "2/12 a_run_with_a_name_longer_than_the_terminal_is_wide_" + 30 * "x"
    rows = run(chunk_steps=5, stream=stream, title=title).fit().rows()
    drawn = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    drawn = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "\n", drawn)
    lines = [line.strip() for line in drawn.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 80
    assert "…" not in drawn
    bars = [line for line in lines if "━" in line]
    assert all(re.match(r"epoch [123]/3 ", bar) for bar in bars)
    loss = rf"train loss {rows[-1]['train_loss']:.4f} acc {rows[-1]['train_acc']:.2%}"
    assert re.search(rf"{loss} [-\d:]+$", bars[-1])  # then the time left
    table = [line.split() for line in lines if "━" not in line]
    heading = "epoch train loss train acc val loss val acc lr time images/s"
    assert table[0] == heading.split()
    for number, (cells, row) in enumerate(zip(table[1:], rows, strict=True), 1):
        losses = [f"{row['train_loss']:.4f}", f"{row['train_acc']:.2%}"]
        losses += [f"{row['val_loss']:.4f}", f"{row['val_acc']:.2%}"]
        assert cells[:5] == [f"{number}/3", *losses]
        assert float(cells[5]) == pytest.approx(row["lr"], rel=0.01)
    assert stream.getvalue().rstrip().endswith("\x1b[2K")  # the bar is taken away


def test_a_narrow_terminal_leaves_out_whole_columns() -> None:
    row = {"epoch": 7, "step": 1, "train_loss": 0.5, "train_acc": 0.5, "val_loss": 0.25}
    row |= {"val_acc": 0.75, "lr": 8.56e-05, "seconds": 100, "images_per_second": 1234.5}
    cells = _cells(row, 100)
    assert " ".join(cells.values()) == "7/100 0.5000 50.00% 0.2500 75.00% 8.56e-05 100.0 s 1,234"
    for columns, shown in (
        (80, ["epoch", "train loss", "train acc", "val loss", "val acc", "lr", "time", "images/s"]),
        (60, ["epoch", "train loss", "train acc", "val loss", "val acc", "lr"]),
        (40, ["epoch", "train acc", "val loss", "val acc"]),
        (30, ["epoch", "val loss", "val acc"]),
    ):
        widths = _fitting(cells, columns)
        assert list(widths) == shown
        lines = [_line(texts, widths) for texts in (widths, [cells[name] for name in widths])]
        assert len(lines[0]) == len(lines[1]) <= columns
    assert _numbers(row, "train", 28) == "train loss 0.5000 acc 50.00%"
    assert _numbers(row, "train", 27) == "train loss 0.5000"


def test_what_is_trained_is_said_before_it() -> None:
    """On a terminal below the run's name: both fit into 80 columns."""
    terminal, other = Terminal(), io.StringIO()
    for stream in (terminal, other):
        announce("2/12 mlp-0a1b2c3d", "mlp, 1.0k parameters; digits", stream)
    assert terminal.getvalue() == "2/12 mlp-0a1b2c3d\nmlp, 1.0k parameters; digits\n"
    assert other.getvalue() == "2/12 mlp-0a1b2c3d: mlp, 1.0k parameters; digits\n"


def test_nothing_else_is_printed(run, capfd: pytest.CaptureFixture[str], caplog) -> None:
    made = run(epochs=1).fit()
    made.trainer.test(made.module, made.data, verbose=False)
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_precision_is_what_the_machine_can() -> None:
    assert lightning_precision("auto", "cpu") == "32-true"
    assert lightning_precision("32", "auto") == "32-true"
    assert lightning_precision("bf16", "cpu") == "bf16-mixed"
    assert lightning_precision("16", "cpu") == "bf16-mixed"  # no float16 on a CPU: said, not hidden


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bfloat16_that_is_emulated_is_not_chosen(monkeypatch, native, chosen) -> None:
    """V100, T4 and RTX 20xx: torch counts emulation unless it is told not to."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or native,
    )
    assert lightning_precision("auto", "auto") == chosen
    assert lightning_precision("bf16", "gpu") == "bf16-mixed"  # asked for
