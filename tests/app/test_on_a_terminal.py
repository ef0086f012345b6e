"""Commands on terminals of 80 and 120 columns, and in a pipe: nothing cut, nothing lost."""

import sys
from pathlib import Path

import pytest
from pseudo_terminal import on_terminal
from run_folders import make_run

from cnnlab.app import cli
from cnnlab.app.outcome import print_outcome
from cnnlab.compare.compare import compare
from cnnlab.compare.terminal_table import print_report
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.terminal import console

__all__ = ["make_run"]

WORDS = ["model=mlp", "model.hidden=[8]", "trainer.epochs=2", "trainer.accelerator=cpu"]
WORDS += ["data=digits", "logger=[]"]
ERROR = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (128x400 and 256x120) at the end"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """``shown(80, "runs")``: what a command leaves on the screen."""
    monkeypatch.chdir(tmp_path)

    def show(columns: int, *words: str) -> list[str]:
        def call() -> None:
            monkeypatch.setattr(sys, "argv", ["cnnlab", *words])
            with pytest.raises(SystemExit):
                cli.main()

        lines = on_terminal(columns, call)
        assert max(map(len, lines)) <= columns
        assert "…" not in "".join(lines)
        return lines

    return show


@pytest.mark.slow
def test_a_run_and_a_sweep(shown) -> None:
    name, description, heading, *epochs = shown(80, "train", *WORDS)
    [run] = find_runs(["runs"])
    assert name == run.name
    assert description == "mlp, 8.3k parameters; digits, 1,197 training images; cpu, precision 32"
    assert heading.split()[:4] == ["epoch", "train", "loss", "train"]
    assert [line.split()[0] for line in epochs[:2]] == ["1/2", "2/2"]
    assert epochs[2].startswith("test accuracy")
    lines = shown(80, "train", "-m", *WORDS, "seed=0,1", "sweep.name=s")
    assert [line[:4] for line in lines if line.startswith(("1/2 ", "2/2 "))] == ["1/2 ", "2/2 "]
    assert sum(line.lstrip().startswith(("1/2  ", "2/2  ")) for line in lines) == 4  # epochs
    assert "2 of 2 runs done" in lines
    assert lines[-2:] == ["cnnlab compare runs/s", ""]


@pytest.mark.parametrize("columns", [80, 120])
def test_listings(shown, cnnlab, capfd, make_run, columns: int) -> None:
    """Long names and many options; an error in full; a comparison of many options."""
    for lr in (0.1, 0.2):
        options = {"optim.lr": lr, "batch_size": int(100 * lr), "trainer.epochs": int(50 * lr)}
        options |= {"data.size": int(100 * lr), "model.hidden": [int(1000 * lr), 100]}
        options |= {"optim.weight_decay": lr / 1000, "optim.momentum": lr}
        make_run(model=f"{60 * 'm'}{lr}", val_acc=lr, **options)
    failed = make_run(state="out of memory", **{"model.name": "b"})
    failed.update_status(error=ERROR)
    long = failed.path.with_name(f"run_{70 * 'x'}")
    failed.path.rename(long)
    lines = shown(columns, "runs", "sweep")
    assert "status" in lines[0]
    assert set(ERROR.split()) <= set(" ".join(lines).split())
    assert sum(len(word) for word in "".join(lines).split() if "xxx" in word) >= 70
    comparison = compare(["sweep"])
    page = on_terminal(columns, lambda: print_report(comparison, console()))
    assert max(map(len, page)) <= columns
    numbers = [line.split() for line in page if "90.00" in line]
    assert len(numbers) == 2
    assert all("1.0k" in cells for cells in numbers)  # what it costs
    words = [word for line in page if "─" not in line for word in line.split()]
    assert min(map(len, (word for word in words if "mmm" in word))) > 10  # of the folded name
    assert "Differs: optim.weight_decay: 0.0002 in " in " ".join(" ".join(page).split())
    piped = cnnlab("runs", "sweep").out.splitlines()
    assert any(line.startswith(long.name) and line.endswith(ERROR) for line in piped)
    print_report(comparison, console())
    piped = capfd.readouterr().out.splitlines()
    assert sum(60 * "m" in line and "90.00" in line for line in piped) == 2


def test_what_failed_is_said_whole(make_run, capsys) -> None:
    failed = make_run(state="failed")
    failed.update_status(error=ERROR)
    runs = [make_run(), RunDir(failed.path.rename(failed.path.with_name(70 * "x")))]
    lines = on_terminal(80, lambda: print_outcome(runs))
    assert max(map(len, lines[:5])) <= 80
    assert f"{70 * 'x'} failed {ERROR}" in " ".join(" ".join(lines).split())
    assert not print_outcome(runs)
    assert f"  {70 * 'x'}  failed  {ERROR}" in capsys.readouterr().out.splitlines()


@pytest.mark.slow
def test_layers_and_models(shown, cnnlab) -> None:
    for columns in (80, 120):
        assert "total 61,706 parameters" in "".join(shown(columns, "layers", "model=lenet5"))
        assert "28,589,128" not in "".join(shown(columns, "models"))
    legend = next(line for line in cnnlab("layers").out.splitlines() if line.startswith("s stride"))
    assert legend.endswith("computed in place.")
    page = cnnlab("models").out
    assert "\x1b" not in page
    assert not [line for line in page.splitlines() if line.endswith(" ")]
