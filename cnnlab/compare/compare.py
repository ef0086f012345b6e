"""Run folders read into one table: a row per configuration, its seeds taken together."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cnnlab.compare.configurations import ABSENT, label, varying_keys
from cnnlab.compare.statistics import summarize
from cnnlab.compare.verdict import caveats, left_out, verdict
from cnnlab.metrics import METRICS, Metric, metric_of
from cnnlab.registry import CnnlabError
from cnnlab.runs.first_edition import groups_of
from cnnlab.runs.flat import Flat, with_choices
from cnnlab.runs.naming import short_source
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.runs.state import RunState
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
        labels: a short name for each row of ``table``.
        curves: one row per run and epoch: label, seed and the columns of metrics.csv.
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


@dataclass(frozen=True)
class _Run:
    """A finished run."""

    folder: RunDir
    result: dict[str, Any]
    shown: Flat
    group: str  # runs of one group differ in their seed alone
    updated: float  # seconds since 1970


def compare(paths: Iterable[str | Path | RunDir]) -> Comparison:
    """Compare the finished runs at or below ``paths``.

    Raises:
        CnnlabError: there is no run at one of the paths, or none of the runs is finished.
    """
    folders = _find(list(paths))
    reasons = [(folder, _reason_to_leave_out(folder)) for folder in folders]
    done = [folder for folder, reason in reasons if reason is None]
    unfinished = [reason for _, reason in reasons if reason is not None]
    if not done:
        where = ", ".join(sorted({str(folder.path.parent) for folder in folders})[:3])
        raise CnnlabError(f"nothing to compare in {where}: {left_out(unfinished, 0)[0]}")
    runs = _newest_of_each_seed(list(map(_read, done, groups_of(done))))
    older = len(done) - len(runs)
    runs, metric, other_metrics = _of_one_metric(runs)
    groups: dict[str, list[_Run]] = {}
    for run in sorted(runs, key=lambda run: int(run.result["seed"])):
        groups.setdefault(run.group, []).append(run)
    sign, column = -1 if metric.higher_is_better else 1, f"val_{metric.column}"
    ranked = sorted(groups.values(), key=lambda group: sign * _mean(group, column))
    shown = [group[0].shown for group in ranked]
    keys = varying_keys(shown) or ["model"]
    labels = [label(row, keys) for row in shown]
    results = [[run.result for run in group] for group in ranked]
    return Comparison(
        title=f"{_count(shown, 'model', 'model')} on {_count(shown, 'data', 'data set')}",
        table=pd.DataFrame([_row(group, keys, metric) for group in ranked]),
        keys=keys,
        labels=labels,
        curves=pd.concat(
            [
                run.folder.metrics().assign(label=name, seed=run.result["seed"])
                for name, group in zip(labels, ranked, strict=True)
                for run in group
            ],
            ignore_index=True,
        ),
        metric=metric,
        notes=left_out(unfinished, older) + other_metrics + caveats(results),
        verdict=verdict(results, labels, metric),
    )


def _find(paths: list[str | Path | RunDir]) -> list[RunDir]:
    if not paths:
        raise CnnlabError(f"nothing to compare: no folder named; {EXPECTED}")
    empty = [str(path) for path in paths if not find_runs([path])]
    if empty:
        raise CnnlabError(f"nothing to compare: no run in {', '.join(empty)}; {EXPECTED}")
    return find_runs(paths)


def _reason_to_leave_out(folder: RunDir) -> str | None:
    """Why a run cannot be compared; None where it can be."""
    if not folder.is_done:
        return RunState.recorded(folder.status())
    tested = any(column.startswith("test_") for column in folder.result())
    return None if tested else "not tested"


def _read(folder: RunDir, group: str) -> _Run:
    result, status = folder.result(), folder.status()
    identity = status["identity"]
    config = folder.config() | {"sources": identity["sources"]}
    chosen = {group: str(result[group]) for group in ("model", "data")}
    shown = with_choices(config, chosen)
    if shown.get("init.from") is not None:
        shown["init.from"] = short_source(shown["init.from"])
    return _Run(
        folder=folder,
        result=result,
        shown=shown,
        group=group,
        updated=float(status["updated"]),
    )


def _newest_of_each_seed(runs: list[_Run]) -> list[_Run]:
    newest = {}
    for run in sorted(runs, key=lambda run: run.updated):
        newest[run.group, run.result["seed"]] = run
    return list(newest.values())


def _of_one_metric(runs: list[_Run]) -> tuple[list[_Run], Metric, list[str]]:
    """The runs that can be ranked together, their metric, and a note on those left out.

    Of several metrics the first in ``METRICS`` counts: accuracy before the error of autoencoders.
    """
    groups: dict[str, list[_Run]] = {}
    for run in runs:
        groups.setdefault(metric_of(run.result).name, []).append(run)
    metric = next(metric for name, metric in METRICS.items() if name in groups)
    notes = [
        f"{plural(len(others), 'run')} without {metric.label} left out "
        f"(ranked by {METRICS[name].name}): compare them on their own"
        for name, others in groups.items()
        if name != metric.name
    ]
    return groups[metric.name], metric, notes


def _row(group: list[_Run], keys: list[str], metric: Metric) -> dict[str, Any]:
    test_column, val_column = f"test_{metric.column}", f"val_{metric.column}"
    test = summarize(_values(group, test_column))
    validation = summarize(_values(group, val_column))
    secondary = [f"test_{other.column}" for other in METRICS.values() if other.column != "loss"]
    shown = {key: group[0].shown.get(key, ABSENT) for key in keys}
    # null as it is typed: pandas would make NaN of it
    return {key: "null" if value is None else value for key, value in shown.items()} | {
        "seeds": " ".join(str(run.result["seed"]) for run in group),
        "n": test.n,
        test_column: test.mean,
        f"{test_column}_sd": test.sd,
        f"{test_column}_low": test.low,
        f"{test_column}_high": test.high,
        val_column: validation.mean,
        f"{val_column}_sd": validation.sd,
        **{
            column: _mean(group, column)
            for column in secondary
            if column != test_column and all(column in run.result for run in group)
        },
        "params": int(group[0].result["params"]),
        "macs": int(group[0].result["macs"]),
        "train_seconds": _mean(group, "train_seconds"),
        "images_per_second": _mean(group, "images_per_second"),
    }


def _values(group: list[_Run], column: str) -> list[float]:
    return [float(run.result[column]) for run in group]


def _mean(group: list[_Run], column: str) -> float:
    return summarize(_values(group, column)).mean


def _count(rows: list[Flat], group: str, noun: str) -> str:
    names = {str(row[group]) for row in rows}
    return names.pop() if len(names) == 1 else plural(len(names), noun)
