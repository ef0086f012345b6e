"""Run folders read into one table: a row per configuration, its seeds taken together."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cnnlab.compare.configurations import ABSENT, label, unique, varying_keys
from cnnlab.compare.finished import (
    FinishedRun,
    caveats_on_starts,
    damaged_notes,
    dependent_notes,
    read_finished,
    shown_rows,
)
from cnnlab.compare.statistics import summarize
from cnnlab.compare.test_set import caveats_on_data, distinct, first_difference
from cnnlab.compare.verdict import caveats, left_out, verdict
from cnnlab.metrics import LOSS, METRICS, Metric, find_metric, split_of
from cnnlab.registry import CnnlabError
from cnnlab.runs.flat import Flat
from cnnlab.runs.run_dir import BESIDE_RUNS, RunDir, find_runs
from cnnlab.text import plural

EXPECTED = (
    "expected run folders (config.yaml, status.json, result.json) or folders with runs in them"
)


@dataclass(frozen=True)
class Comparison:
    """Everything that a report shows.

    Attributes:
        title: ``4 models on digits``.
        table: one row per configuration, the best on validation first. Columns: ``keys``, then
            seeds, n, test_acc (with _sd, _low, _high), val_acc, val_acc_sd, test_macro_f1, params,
            macs, train_seconds, images_per_second; accuracies are fractions, all numbers means
            over seeds. Another primary metric has its own columns, such as test_loss and val_loss.
        keys: the columns of ``table`` that name a configuration.
        labels: a short name for each row of ``table``, no two the same.
        curves: one row per run and epoch: label, seed, run (its folder) and the columns of
            metrics.csv.
        metric: the primary metric, which the rows are ranked by.
        notes: one sentence each, without full stop.
    """

    title: str
    table: pd.DataFrame
    keys: list[str]
    labels: list[str]
    curves: pd.DataFrame
    metric: Metric
    notes: list[str]
    verdict: str


def compare(paths: Iterable[str | Path | RunDir]) -> Comparison:
    """Compare the finished runs at or below ``paths``.

    Raises:
        CnnlabError: there is no run at one of the paths, or none of the runs is finished.
    """
    folders = _find(list(paths))
    finished, unfinished, damaged = read_finished(folders)
    if not finished:
        where = ", ".join(sorted({str(folder.path.parent) for folder in folders})[:3])
        reasons = [*left_out(unfinished, 0), *damaged_notes(damaged)]
        raise CnnlabError(f"nothing to compare in {where}: {'; '.join(reasons[:2])}")
    runs, dependent = _newest_of_each_sample(finished)
    older = len(finished) - len(runs) - dependent
    runs, metric, other_metrics = _of_one_metric(runs)
    groups: dict[str, list[FinishedRun]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        groups.setdefault(run.group, []).append(run)
    sign, column = -1 if metric.higher_is_better else 1, f"val_{metric.column}"
    ranked = sorted(groups.values(), key=lambda group: sign * _mean(group, column))
    shown = shown_rows(ranked)
    keys = varying_keys(shown) or ["model"]
    labels = unique([label(row, keys) for row in shown])
    results = [[run.result for run in group] for group in ranked]
    best_two = [run.test_set for group in ranked[:2] for run in group]
    return Comparison(
        title=f"{_count(shown, 'model', 'model')} on {_count_data(ranked, shown)}",
        table=pd.DataFrame(
            [_row(group, row, keys, metric) for group, row in zip(ranked, shown, strict=True)]
        ),
        keys=keys,
        labels=labels,
        curves=pd.concat(
            [
                run.metrics.assign(label=name, seed=run.seed, run=str(run.folder))
                for name, group in zip(labels, ranked, strict=True)
                for run in group
            ],
            ignore_index=True,
        ),
        metric=metric,
        notes=[
            *left_out(unfinished, older),
            *(damaged_notes(damaged) + dependent_notes(dependent) + other_metrics),
            *caveats(results),
            *caveats_on_data([[run.test_set for run in group] for group in ranked], labels),
            *caveats_on_starts(ranked, labels),
        ],
        verdict=verdict(results, labels, metric, first_difference(best_two)),
    )


def _find(paths: list[str | Path | RunDir]) -> list[RunDir]:
    if not paths:
        raise CnnlabError(f"nothing to compare: no folder given; {EXPECTED}")
    empty = [str(path) for path in paths if not find_runs([path])]
    reports = [path for path in empty if Path(path).name in BESIDE_RUNS]
    if len(reports) < len(empty) or len(empty) == len(paths):
        raise CnnlabError(f"nothing to compare: no run in {', '.join(empty)}; {EXPECTED}")
    return find_runs(paths)


def _newest_of_each_sample(runs: list[FinishedRun]) -> tuple[list[FinishedRun], int]:
    """One run of each sample, and how many others continue a run that one of them continues."""
    newest: dict[tuple[object, ...], FinishedRun] = {}
    seeds: dict[tuple[object, ...], set[int]] = {}
    for run in sorted(runs, key=lambda run: run.updated):
        newest[run.sample] = run
        seeds.setdefault(run.sample, set()).add(run.seed)
    return list(newest.values()), sum(len(each) - 1 for each in seeds.values())


def _of_one_metric(runs: list[FinishedRun]) -> tuple[list[FinishedRun], Metric, list[str]]:
    """The runs that can be ranked together, their metric, and a note on those left out.

    Of several metrics the first in ``METRICS`` counts: accuracy before the error of autoencoders.
    """
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(run.metric.name, []).append(run)
    metric = next(metric for name, metric in METRICS.items() if name in groups)
    notes = [
        f"{plural(len(others), 'run')} without {metric.label} left out "
        f"(ranked by {METRICS[name].name}): compare them separately"
        for name, others in groups.items()
        if name != metric.name
    ]
    return groups[metric.name], metric, notes


def _row(group: list[FinishedRun], shown: Flat, keys: list[str], metric: Metric) -> dict[str, Any]:
    test_column, val_column = f"test_{metric.column}", f"val_{metric.column}"
    test = summarize(_values(group, test_column))
    validation = summarize(_values(group, val_column))
    measured = (c for c in group[0].result if split_of(c) == "test" and find_metric(c) != LOSS)
    cells = {key: shown.get(key, ABSENT) for key in keys}
    # null as it is typed: pandas would make NaN of it
    return {key: "null" if value is None else value for key, value in cells.items()} | {
        "seeds": " ".join(str(run.seed) for run in group),
        **({"partial": True} if any(run.is_partial for run in group) else {}),
        "n": test.n,
        test_column: test.mean,
        f"{test_column}_sd": test.sd,
        f"{test_column}_low": test.low,
        f"{test_column}_high": test.high,
        val_column: validation.mean,
        f"{val_column}_sd": validation.sd,
        **{
            column: _mean(group, column)
            for column in measured
            if column != test_column and all(column in run.result for run in group)
        },
        "params": int(group[0].result["params"]),
        "macs": int(group[0].result["macs"]),
        "train_seconds": _mean(group, "train_seconds"),
        "images_per_second": _mean(group, "images_per_second"),
    }


def _values(group: list[FinishedRun], column: str) -> list[float]:
    return [float(run.result[column]) for run in group]


def _mean(group: list[FinishedRun], column: str) -> float:
    return summarize(_values(group, column)).mean


def _count(rows: list[Flat], group: str, noun: str) -> str:
    names = {str(row[group]) for row in rows}
    return names.pop() if len(names) == 1 else plural(len(names), noun)


def _count_data(ranked: list[list[FinishedRun]], shown: list[Flat]) -> str:
    """The data set's name, or the number of different data sets."""
    names = _count(shown, "data", "data set")
    test_sets = distinct([run.test_set for group in ranked for run in group])
    is_one_name = len({row["data"] for row in shown}) == 1
    return f"{names}, {len(test_sets)} test sets" if is_one_name and len(test_sets) > 1 else names
