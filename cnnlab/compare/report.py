"""The report of a comparison: its columns, and a folder of files."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.compare.compare import Comparison
from cnnlab.metrics import METRICS, Metric, find_metric
from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.essential import digest
from cnnlab.runs.read_file import is_file, reason
from cnnlab.runs.run_dir import RunDir
from cnnlab.text import as_typed

CAPTION = "mean ± SD over n seeds, [95% t interval of the mean]."
LONGEST_NAME = 60  # characters of what a report's folder is named after
COSTS = ("parameters", "MACs", "training time", "throughput")


@dataclass(frozen=True)
class Column:
    """One column of the table. ``cells`` of more than one part can be stacked."""

    heading: tuple[str, ...]
    cells: list[tuple[str, ...]]
    is_name: bool = False


def write_report(comparison: Comparison, folder: Path) -> list[Path]:
    """Write results.csv, results.md, curves.png and cost.png; return their paths.

    Raises:
        CnnlabError: they cannot be written there.
    """
    from cnnlab.compare.figures import cost_figure, curves_figure

    names = ("results.csv", "results.md", "curves.png", "cost.png")
    csv, markdown, curves, cost = paths = [folder / name for name in names]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(csv, comparison.table.to_csv(index=False))
        write_text(markdown, as_markdown(comparison))
        curves_figure(comparison).savefig(curves)
        cost_figure(comparison).savefig(cost)
    except OSError as error:
        place = error.filename or folder
        raise CnnlabError(
            f"{place}: {reason(error)}; use another folder with --out FOLDER"
        ) from error
    return paths


def report_folder(paths: Sequence[Path]) -> Path:
    """Where the report on these runs goes, so that no two comparisons share a folder.

    Inside a folder of runs that is compared by itself; for anything else beside the sweeps of the
    first one, in its own folder: ``runs/comparisons/first-second-3f2a91bc``.
    """
    first = RunDir(paths[0].expanduser())
    is_run = is_file(first.config_file)
    if len(paths) == 1 and not is_run:
        return first.path / "comparison"
    sweep = first.path.absolute().parent if is_run else first.path.absolute()
    places = sorted(str(path.expanduser().resolve()) for path in paths)
    words = "-".join(re.sub(r"[^\w.+]+", "-", Path(place).name) for place in places)
    name = f"{words[:LONGEST_NAME]}-{digest(places)[:8]}"
    return Path(os.path.relpath(sweep.parent / "comparisons" / name))


def as_markdown(comparison: Comparison) -> str:
    """The table, notes and verdict as a markdown page."""
    shown = columns(comparison)
    headings = [" ".join(column.heading) for column in shown]
    rows = [
        [" ".join(part for part in cell if part).replace("|", r"\|") for cell in row]
        for row in zip(*(column.cells for column in shown), strict=True)
    ]
    rule = ["---" if column.is_name else "---:" for column in shown]
    lines = [f"| {' | '.join(row)} |" for row in (headings, rule, *rows)]
    notes = [f"- Note: {note}." for note in comparison.notes]
    blocks = [f"# {title(comparison)}", "\n".join(lines), caption(comparison), "\n".join(notes)]
    return "\n\n".join([block for block in blocks if block] + [comparison.verdict]) + "\n"


def title(comparison: Comparison) -> str:
    """``Comparison: 4 models on digits``."""
    return f"Comparison: {comparison.title}"


def caption(comparison: Comparison) -> str:
    """What the numbers are."""
    sample = " * measured on a sample of the images." if any(_on_samples(comparison)) else ""
    return f"{comparison.metric.caption}: {CAPTION}{sample}"


def _on_samples(comparison: Comparison) -> list[bool]:
    """Of each row, whether ``trainer.max_eval_steps`` limited its evaluation."""
    table = comparison.table
    return [cell in (True,) for cell in table.get("partial", [False] * len(table))]


def columns(comparison: Comparison) -> list[Column]:
    """Those that name a configuration, then n, test and validation, then costs."""
    table, metric = comparison.table, comparison.metric

    def single(heading: str, cells: list[str], *, is_name: bool = False) -> Column:
        return Column((heading,), [(cell,) for cell in cells], is_name)

    names = [
        single(key, [as_typed(v, digits=6) for v in table[key]], is_name=True)
        for key in comparison.keys
    ]
    tested = [_tested(row, metric) for row in table.to_dict("records")]
    costs = [METRICS[name] for name in COSTS]
    samples = _on_samples(comparison)
    return [
        *names,
        single(
            "n", [f"{n}{'*' * partial}" for n, partial in zip(table["n"], samples, strict=True)]
        ),
        Column((f"test {metric.heading}",), tested),
        single(f"val {metric.heading}", [metric.cell(v) for v in table[f"val_{metric.column}"]]),
        *(
            single(f"test {extra.heading}", [extra.cell(v) for v in table[f"test_{extra.column}"]])
            for extra in _extra_metrics(comparison)
        ),
        *(single(cost.heading, [cost.cell(v) for v in table[cost.column]]) for cost in costs),
    ]


def _extra_metrics(comparison: Comparison) -> list[Metric]:
    """What all runs were asked to measure beside the primary metric: in validation and test."""
    names = map(str, comparison.curves)
    measured = [name.removeprefix("val_") for name in names if name.startswith("val_")]
    metrics = [find_metric(column) for column in measured if f"test_{column}" in comparison.table]
    return [m for m in metrics if m is not None and m != comparison.metric]


def _tested(row: dict[Any, Any], metric: Metric) -> tuple[str, ...]:
    column = f"test_{metric.column}"
    mean, sd, low, high = (
        metric.cell(row[f"{column}{part}"]) for part in ("", "_sd", "_low", "_high")
    )
    return (mean, "") if row["n"] == 1 else (f"{mean} ± {sd}", f"[{low}, {high}]")
