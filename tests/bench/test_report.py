"""The arithmetic of a report, by hand, and its table."""

import json

import pytest
import torch
from rich.console import Console

from cnnlab.app.bench_output import Output
from cnnlab.bench import peak
from cnnlab.bench.peak import peak_flops
from cnnlab.bench.process_age import _age, process_start
from cnnlab.bench.report import Report
from cnnlab.bench.spread import Spread
from cnnlab.bench.tables import failures, footer, heading, report_table, sweep_tables
from cnnlab.explain.cost import count
from cnnlab.models.lenet5 import LeNet5
from cnnlab.spec import ImageSpec

SPLIT = {"data": 0.1, "forward": 0.3, "backward": 0.4, "optimizer": 0.15, "framework": 0.05}
# 5x5 kernels: 6 maps of 28x28 from 1, 16 of 10x10 from 6; 400-120-84-10
LENET5_MACS = 25 * 6 * 28 * 28 + 25 * 6 * 16 * 10 * 10 + 400 * 120 + 120 * 84 + 84 * 10


def report(**changes: object) -> Report:
    values = {
        "model": "lenet5",
        "data": "mnist",
        "batch_size": 128,
        "accumulate": 2,
        "eval_batch_size": 1024,
        "precision": "32",
        "options": {"trainer.compile": "true", "trainer.accumulate": "2"},
        "params": 61706,
        "macs": LENET5_MACS,
        "step": Spread([0.02, 0.01, 0.04]),
        "split": SPLIT,
        "inference": Spread([50_000.0, 40_000.0, 60_000.0]),
        "latency": 0.0005,
        "memory": {"peak_host_bytes": 600_000_000},
        "first_step": 3.25,
        "first_step_from": "the start of the process",
        "peak": 1e11,
        "environment": {
            "device": "A Processor",
            "threads": 2,
            "cores": 2,
            "packages": {"torch": "2.0", "cnnlab": "0.1"},
            "load_average": 0.3,
        },
    }
    return Report(**(values | changes))  # type: ignore[arg-type]


def test_spread_is_median_least_and_largest() -> None:
    spread = Spread([3.0, 1.0, 10.0, 2.0])
    assert (spread.median, spread.low, spread.high) == (2.5, 1.0, 10.0)
    assert spread.to_dict() == {
        "median": 2.5, "min": 1.0, "max": 10.0, "n": 4, "values": [3.0, 1.0, 10.0, 2.0]
    }  # fmt: skip
    assert spread.map(lambda value: 6 / value).median == pytest.approx(2.5)


def test_rates_and_operations_of_lenet5_by_hand() -> None:
    found = report()
    spec = ImageSpec(1, 28, 28, 10, mean=(0.5,), std=(0.5,))
    assert count(LeNet5(spec), spec).macs == LENET5_MACS == 416_520
    # 2 x 128 images in 10, 20 and 40 ms
    assert (found.train.median, found.train.low, found.train.high) == (12_800, 6_400, 25_600)
    # a multiply-add is two operations; backward costs twice what forward does
    assert found.train_flops == pytest.approx(12_800 * 416_520 * 6)
    assert found.inference_flops == pytest.approx(50_000 * 416_520 * 2)
    data = found.to_dict()
    assert data["train_share_of_peak"] == pytest.approx(0.31988736)
    assert data["inference_share_of_peak"] == pytest.approx(0.41652)
    assert data["step_split_seconds"] == pytest.approx(
        {"data": 0.002, "forward": 0.006, "backward": 0.008, "optimizer": 0.003, "framework": 0.001}
    )
    assert sum(data["step_split_seconds"].values()) == pytest.approx(data["step_seconds"]["median"])


@pytest.mark.parametrize("changes", [{}, {"split": None}, {"memory": {}}])
def test_json_and_back(changes: dict[str, object]) -> None:
    found = report(**changes)
    assert Report.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def shown(*lines: object, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        for line in lines:
            console.print(line)
    return captured.get()


def test_the_table_has_every_number_with_its_unit() -> None:
    text = " ".join(shown(report_table(report())).split())
    for line in (
        "training 12,800 6,400 25,600 images/s",
        "inference 50,000 40,000 60,000 images/s, batches of 1024",
        "step 20.000 10.000 40.000 ms",
        "backward 8.000 ms, 40.0% of a step",
        "framework 1.000 ms, 5.0% of a step",
        "latency 0.500 ms for a single image",
        "peak host memory 600 MB in training",
        "first step 3.25 s after the start of the process",
        "training speed 32.0G FLOP/s, 32% of the peak",
        "machine's peak 100.0G FLOP/s, matrix product, 32 bit",
    ):
        assert line in text
    assert "not known" in shown(report_table(report(split=None)))
    assert heading(report()) == (
        "lenet5 on mnist, batches of 128, 2 of them a step, precision 32, trainer.compile=true"
    )
    assert "A Processor, 2 threads, torch 2.0, cnnlab 0.1, n = 3" in footer(report())


def test_a_sweep_has_a_row_for_each_and_fits_a_terminal() -> None:
    rows = [("mlp batch_size=64", report()), ("lenet5", report(split=None)), ("big", "killed")]
    speed, split, memory = (shown(table, width=100) for table in sweep_tables(rows))
    lines = [" ".join(line.split()) for line in (speed + split + memory).splitlines()]
    assert "mlp batch_size=64 12,800 6,400 25,600 50,000 0.50 32%" in lines
    assert "mlp batch_size=64 20.00 10.0% 30.0% 40.0% 15.0% 5.0%" in lines
    assert "mlp batch_size=64 600 3.2 s" in lines
    assert all("big" in table and "failed" in table for table in (speed, split, memory))
    assert "…" not in shown(*sweep_tables(rows), width=80)
    assert failures(rows) == ["big: killed"]


def test_the_peak_is_of_the_fastest_product_of_the_largest_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock ticks once at the beginning and once at the end of each product."""
    monkeypatch.setattr("cnnlab.bench.peak.LARGEST_ON_CPU", 512)
    seconds = iter([9, 0.001, 9, 0.002, 0.004, 0.001, 0.5])  # 256 twice, 512 twice, then more
    time, begins = [0.0], [True]

    def now() -> float:
        if not begins[0]:
            time[0] += next(seconds)
        begins[0] = not begins[0]
        return time[0]

    found = peak_flops(torch.device("cpu"), torch.float32, seconds=0.5, now=now)
    assert found == pytest.approx(2 * 512**3 / 0.001)


def test_a_gpus_peak_is_in_tensorfloat_32_where_its_convolutions_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peak, "_fastest", lambda *_: torch.get_float32_matmul_precision())
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert peak_flops(cuda, torch.float32) == "high"
    assert peak_flops(cuda, torch.bfloat16) == peak_flops(cpu, torch.float32) == "highest"
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert peak_flops(cuda, torch.float32) == torch.get_float32_matmul_precision() == "highest"


def test_the_age_of_a_process_is_read_behind_its_name(tmp_path) -> None:
    file = tmp_path / "stat"
    file.write_text("7 (a name) with) " + " ".join(["S"] + ["0"] * 18 + ["100"] + ["0"] * 5))
    age = _age(file)
    assert age is not None
    assert age > 0
    file.write_text("7")
    assert _age(file) is None
    assert _age(tmp_path / "absent") is None
    assert "start" in process_start()[1] or "load" in process_start()[1]


def test_places_are_checked_before_anything_is_measured(tmp_path) -> None:
    from cnnlab.registry import CnnlabError

    assert Output.of("-", None).stream is not Output.of(None, None).stream
    for json_file in ("", str(tmp_path), str(tmp_path / "absent" / "a.json")):
        with pytest.raises(CnnlabError, match="--json"):
            Output.of(json_file, None)
    with pytest.raises(CnnlabError, match=r"\.png"):
        Output.of(None, str(tmp_path / "a.pdf"))
