"""`cnnlab bench` and `cnnlab bench --sweep` as their user types them."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cnnlab.app import bench_sweep
from cnnlab.app.bench_output import Output
from cnnlab.app.bench_sweep import measure_cell, read_cells, reason_of
from cnnlab.bench.report import Report
from cnnlab.registry import CnnlabError

TINY = ["data=synthetic", "data.size=16", "data.num_train=64", "data.num_val=20", "batch_size=16"]
QUICK = ["--rounds", "2", "--seconds", "0.02"]


@pytest.mark.slow
def test_one_configuration_in_full(cnnlab: Callable, tmp_path: Path) -> None:
    words = ["model=conv_autoencoder", *TINY, "trainer.accumulate=2", "callbacks=[grad_norm]"]
    answer = cnnlab("bench", *words, *QUICK, "--json", "-", "--plot", "b.png")
    assert answer.code == 0
    found = json.loads(answer.out[: answer.out.rindex("}") + 1])
    report = Report.from_dict(found)
    assert found["words"] == words
    assert (report.batch_size, report.accumulate, report.eval_batch_size) == (16, 2, 20)
    assert len(report.step.values) == len(report.inference.values) == 2
    assert report.split is not None
    assert sum(report.split.values()) == pytest.approx(1)
    assert all(share > 0 for share in report.split.values())
    for value in (report.latency, report.first_step, report.peak, report.train_flops):
        assert value > 0
    assert report.environment["threads"] == torch.get_num_threads() == 1
    assert "images/s" in answer.err  # the table, as the numbers are on the standard output
    assert (tmp_path / "b.png").stat().st_size > 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=lenet"], "did you mean 'lenet5'?"),
        (["seed=0,1", *TINY], "seed=0,1 has several values"),
        (["--epochs", "2"], "--epochs needs --against"),
        (["--minutes", "2"], "--minutes needs --tune"),
        (["--seconds", "nan"], "Invalid value for '--seconds'"),
        (["--seconds", "inf"], "--seconds inf: give a number"),
        (["--sweep", "--tune"], "--sweep and --tune cannot be combined"),
        (["--against", "nothing"], "'bare', 'usual'"),
        (["--json", "absent/a.json"], "--json absent/a.json"),
        (["--plot", "x.jpg"], "--plot x.jpg: what is written is a .png file, not .jpg"),
        (["trainer.devices=2", *TINY], "trainer.devices=2: bench measures one device"),
        (["trainer.nodes=2", *TINY], "trainer.nodes=2: bench measures one device"),
        (["--sweep", "model=mlp", *TINY], "--sweep needs an option with several values"),
        (["--sweep", "model=mlp,lenet", *TINY], "did you mean 'lenet5'?"),
        (["--sweep", "model=mlp", *TINY, "seed=range(0,201)"], "at most 200"),
    ],
)
def test_refusals(cnnlab: Callable, tmp_path: Path, words: list[str], told: str) -> None:
    answer = cnnlab("bench", *words)
    assert answer.code == 2
    assert told in " ".join(answer.err.split())
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["--json", "--plot"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(
    cnnlab: Callable, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    answer = cnnlab("bench", "model=mlp", *TINY, flag, "b.png")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"cnnlab: {flag} b.png: the folder ")


def test_a_number_that_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"a": [1.5, math.inf], "b": {"c": (math.nan, 2)}}
    Output("-", None).write(found, lambda: pytest.fail("nothing to draw"))
    assert json.loads(capsys.readouterr().out) == {"a": [1.5, None], "b": {"c": [None, 2]}}


@pytest.mark.parametrize("flag", ["--against=bare", "--tune"])
def test_apples_gpu_is_refused(
    cnnlab: Callable, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr("cnnlab.bench.workload.trains_on_mps", lambda _: True)
    answer = cnnlab("bench", flag, "model=mlp", *TINY)
    assert (answer.code, answer.out) == (2, "")
    assert "does not know Apple's GPU; give trainer.accelerator=cpu" in answer.err


def test_too_large_for_the_machine_is_no_traceback(
    cnnlab: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried\nmore")

    monkeypatch.setattr("cnnlab.bench.measure.measure", fail)
    monkeypatch.setattr("cnnlab.bench.against.compare", fail)
    monkeypatch.setattr("cnnlab.app.bench_tune.train_reference", fail)
    for flags in ([], ["--against", "bare"], ["--tune"]):
        answer = cnnlab("bench", *flags, "model=mlp", *TINY)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.splitlines()[-1] == "cnnlab: out of memory: CUDA out of memory. Tried"


def test_swa_and_what_is_no_training_step_are_left_out(cnnlab: Callable) -> None:
    words = ["model=mlp", *TINY, "trainer.overfit=2", "trainer.pictures=[mistakes]"]
    words += ["callbacks=[swa]", "trainer.tta=flip_shift"]
    answer = cnnlab("bench", *words, "--rounds", "1", "--seconds", "0.01", "--json", "-")
    assert answer.code == 0
    assert "measured without trainer.overfit=2 trainer.pictures=[mistakes]\n" in answer.err
    assert "swa" not in answer.err
    found = json.loads(answer.out)
    assert found["options"] == {"trainer.tta": "flip_shift"}
    rate = found["inference_images_per_second"]["median"]
    assert found["inference_flops_per_second"] == pytest.approx(6 * 2 * found["macs"] * rate)


def test_cells_are_named_by_what_differs() -> None:
    cells = read_cells(["model=mlp,lenet5", *TINY[:-1], "batch_size=16,32", "seed=3"])
    assert [name for name, _ in cells] == [
        "mlp batch_size=16",
        "mlp batch_size=32",
        "lenet5 batch_size=16",
        "lenet5 batch_size=32",
    ]
    assert cells[1][1] == ["model=mlp", *TINY[:-1], "batch_size=32", "seed=3"]
    with pytest.raises(CnnlabError, match="one configuration at a time"):
        read_cells(["model=mlp,lenet5", *TINY, "hydra/launcher=joblib"])


@pytest.mark.slow
def test_a_failed_cell_ends_no_table(
    cnnlab: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = cnnlab("bench", "model=mlp", *TINY, *QUICK, "--json", "one.json")
    assert answer.code == 0
    report = Report.from_dict(json.loads((tmp_path / "one.json").read_text()))
    typed: list[list[str]] = []

    def measure(words: list[str]) -> Report | str:
        typed.append(words)
        return "killed" if "model=lenet5" in words else report

    monkeypatch.setattr(bench_sweep, "measure_cell", measure)
    files = ["--json", "b.json", "--plot", "b.png"]
    answer = cnnlab("bench", "--sweep", "model=lenet5,mlp", *TINY, *QUICK, *files)
    assert answer.code == 1
    assert "lenet5: killed\n" in answer.out
    assert [words[:4] for words in typed] == [["--rounds", "2", "--seconds", "0.02"]] * 2
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert rows[0] == {"name": "lenet5", "failed": "killed"}
    assert Report.from_dict(rows[1]) == report
    assert (tmp_path / "b.png").exists()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL; it may have run out of memory"),
        ("import sys; sys.exit('cnnlab: too large\\n\\n')", "too large"),
        ("raise MemoryError", "MemoryError"),
        ("import sys; sys.exit(1)", "no reason was said"),
    ],
)
def test_how_a_process_failed(monkeypatch: pytest.MonkeyPatch, script: str, told: str) -> None:
    monkeypatch.setattr(bench_sweep, "COMMAND", (sys.executable, "-S", "-c", script))
    assert measure_cell([]) == told
    assert reason_of("a\nRuntimeError: b\n\n") == "RuntimeError: b"
