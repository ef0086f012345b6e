"""Reports as tables of a terminal: one configuration in full, or a row for each of several."""

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cnnlab.bench.phases import FRAMEWORK, PHASES
from cnnlab.bench.report import Report
from cnnlab.bench.spread import Spread
from cnnlab.text import duration, plural, si

MILLI = 1000.0
Row = tuple[str, Report | str]  # a name, and its report or why there is none


def heading(report: Report) -> str:
    """``resnet20 on cifar10, batches of 128, 32 bit``, and the options that matter."""
    words = [f"{report.model} on {report.data}", f"batches of {report.batch_size}"]
    if report.accumulate > 1:
        words.append(f"{report.accumulate} of them a step")
    words.append(f"precision {report.precision}")
    skipped = {"trainer.precision", "trainer.accumulate"}
    words += [f"{key}={value}" for key, value in report.options.items() if key not in skipped]
    return ", ".join(words)


def footer(report: Report) -> str:
    """What the numbers depend on: machine, threads, versions, and how often they were measured."""
    packages = report.environment["packages"]
    load = report.environment.get("load_average")
    parts = [report.place, f"torch {packages['torch']}", f"cnnlab {packages['cnnlab']}"]
    parts.append(f"n = {len(report.step.values)} measurements, median (min to max)")
    if load is not None:
        parts.append(f"load average {load:.1f} on {plural(report.environment['cores'], 'core')}")
    return ", ".join(parts)


def report_table(report: Report) -> Table:
    """All that was measured of one configuration."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("median", "min", "max"):
        table.add_column(name, justify="right")
    table.add_column("", no_wrap=True)

    def spread(name: str, values: Spread, form: str, unit: str) -> None:
        numbers = (f"{number:{form}}" for number in (values.median, values.low, values.high))
        table.add_row(name, *numbers, unit)

    def single(name: str, value: str, unit: str) -> None:
        table.add_row(name, value, "", "", unit)

    spread("training", report.train, ",.0f", "images/s")
    spread("inference", report.inference, ",.0f", f"images/s, batches of {report.eval_batch_size}")
    spread("step", report.step.map(lambda seconds: MILLI * seconds), ",.3f", "ms")
    for name, seconds in report.split_seconds.items():
        share = (report.split or {})[name]
        single(f"  {name}", f"{MILLI * seconds:,.3f}", f"ms, {share:.1%} of a step")
    if report.split is None:
        single("  split", "-", "not known: the step runs as one piece")
    single("latency", f"{MILLI * report.latency:,.3f}", "ms for a single image")
    for name, key in (("host", "peak_host_bytes"), ("device", "peak_device_bytes")):
        if key in report.memory:
            single(f"peak {name} memory", f"{report.memory[key] / 1e6:,.0f}", "MB in training")
    single("first step", f"{report.first_step:.2f}", f"s after {report.first_step_from}")
    for name, flops in (("training", report.train_flops), ("inference", report.inference_flops)):
        unit = f"FLOP/s, {flops / report.peak:.0%} of the peak"
        single(f"{name} speed", si(flops), unit)
    single("machine's peak", si(report.peak), f"FLOP/s, matrix product, {report.precision} bit")
    return table


def sweep_tables(rows: Sequence[Row]) -> list[Table]:
    """Speed, what a step's time goes to, and memory: each with a row for each configuration."""
    reports = [report for _, report in rows if isinstance(report, Report)]
    devices = ["device MB"] * any("peak_device_bytes" in report.memory for report in reports)
    speed = ["images/s", "min", "max", "inference", "latency ms", "of peak"]
    memory = ["host MB", *devices, "first step"]
    return [
        _table(rows, speed, _speed_cells),
        _table(rows, ["step ms", *PHASES, FRAMEWORK], _split_cells),
        _table(rows, memory, lambda report: _memory_cells(report, has_device=bool(devices))),
    ]


def failures(rows: Sequence[Row]) -> list[str]:
    """A line for each configuration that has no report."""
    return [f"{name}: {why}" for name, why in rows if isinstance(why, str)]


def _table(
    rows: Sequence[Row], columns: Sequence[str], cells: Callable[[Report], list[str]]
) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", overflow="fold", min_width=12)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for name, report in rows:
        table.add_row(name, *(["failed"] if isinstance(report, str) else cells(report)))
    return table


def _speed_cells(report: Report) -> list[str]:
    train = report.train
    numbers = (train.median, train.low, train.high, report.inference.median)
    return [
        *(f"{number:,.0f}" for number in numbers),
        f"{MILLI * report.latency:,.2f}",
        f"{report.train_flops / report.peak:.0%}",
    ]


def _split_cells(report: Report) -> list[str]:
    shares = (report.split or {}).values()
    return [f"{MILLI * report.step.median:,.2f}", *(f"{share:.1%}" for share in shares)]


def _memory_cells(report: Report, *, has_device: bool) -> list[str]:
    names = ["peak_host_bytes", *["peak_device_bytes"] * has_device]
    found = [report.memory.get(name) for name in names]
    return [
        *("-" if number is None else f"{number / 1e6:,.0f}" for number in found),
        duration(report.first_step),
    ]
