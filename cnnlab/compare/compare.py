"""Run folders, and results made elsewhere, read into one comparison."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnnlab.compare.axes import find_axes, missing_cells
from cnnlab.compare.comparison import Axis, Comparison, Configuration
from cnnlab.compare.configurations import label, unique, varying_keys
from cnnlab.compare.costs import find_target, notes_on_costs
from cnnlab.compare.external import ExternalResult, is_external, read_external
from cnnlab.compare.fairness import findings
from cnnlab.compare.finished import (
    FinishedRun,
    damaged_notes,
    read_finished,
)
from cnnlab.compare.reference import find_reference
from cnnlab.compare.rows import make_curves, make_runs, make_table
from cnnlab.compare.starts import caveats_on_starts, dependent_notes, shown_rows
from cnnlab.compare.statistics.verdict import verdicts
from cnnlab.compare.test_set import caveats_on_data, distinct
from cnnlab.compare.tested_rows import pairs_of_rows
from cnnlab.compare.unfinished import notes_on_unfinished
from cnnlab.metrics import METRICS, Metric
from cnnlab.registry import CnnlabError
from cnnlab.runs.flat import Flat
from cnnlab.runs.run_dir import BESIDE_RUNS, RunDir, find_runs
from cnnlab.text import plural

EXPECTED = (
    "expected run folders (config.yaml, status.json, result.json) or folders with runs in them"
)


def compare(
    paths: Iterable[str | Path | RunDir],
    *,
    reference: str | None = None,
    target: float | str | None = None,
) -> Comparison:
    """Compare the finished runs at or below ``paths``, and results in CSV files.

    Args:
        paths: run folders, folders with runs in them, CSV files (``external.py``).
        reference: a row that all others are tested against: its label or ``model=lenet5``; None:
            every pair is tested.
        target: of the primary metric on validation, 0.95 or ``95%``, for the time to it; None: the
            whole percent that every run reaches.

    Raises:
        CnnlabError: there is no run at one of the paths, none of the runs is finished, or no one
            row is the reference.
    """
    paths = list(paths)
    files = [path for path in paths if not isinstance(path, RunDir) and is_external(path)]
    folders = _find([path for path in paths if path not in files])
    finished, unfinished, damaged = read_finished(folders)
    if not finished:
        where = ", ".join(sorted({str(folder.path.parent) for folder in folders})[:3])
        reasons = [*notes_on_unfinished(unfinished, ["model"]), *damaged_notes(damaged)]
        raise CnnlabError(f"nothing to compare in {where}: {'; '.join(reasons[:2])}")
    runs, dependent = _newest_of_each_sample(finished)
    older = len(finished) - len(runs) - dependent
    runs, metric, other_metrics = _of_one_metric(runs)
    external = [result for file in files for result in read_external(file, metric)]
    ranked = _ranked(runs, metric)
    shown = shown_rows(ranked)
    keys = varying_keys(shown)
    if not keys or (external and "model" not in keys):
        keys = ["model", *keys]
    is_ensemble = [group[0].is_ensemble for group in ranked]
    named = [r for r, skip in zip(shown, is_ensemble, strict=True) if not skip] or shown
    axes = find_axes(named, keys)
    rows = _configurations(ranked, shown, _naming_keys(shown, keys, axes), external)
    trained = [row for row in rows if row.runs and not row.members]
    against = find_reference(reference, rows)
    to = find_target(target, [run for row in trained for run in row.runs], metric)
    test_sets = [[run.test_set for run in row.runs] for row in rows if row.runs]
    labels = [row.label for row in rows]
    pairs, untested = pairs_of_rows(rows, metric, against)
    return Comparison(
        title=f"{_count(named, 'model', 'model')} on {_count_data(ranked, shown)}",
        rows=rows,
        table=make_table(rows, keys, metric, to),
        keys=keys,
        axes=axes,
        runs=make_runs(rows),
        curves=make_curves(rows),
        pairs=pairs,
        reference=against,
        metric=metric,
        target=to,
        findings=findings(rows, keys, axes),
        notes=[
            *notes_on_unfinished(unfinished, keys),
            *missing_cells([row.shown for row in trained], axes),
            *([f"{plural(older, 'older run')} of the same seed left out"] if older else []),
            *(damaged_notes(damaged) + dependent_notes(dependent) + other_metrics),
            *caveats_on_data(test_sets, [row.label for row in rows if row.runs]),
            *caveats_on_starts([row.runs for row in rows], labels),
            *notes_on_costs(rows),
            *_external_notes(external),
        ],
        verdicts=untested or verdicts(pairs, labels, metric, against),
        unfinished=unfinished,
    )


def _find(paths: list[str | Path | RunDir]) -> list[RunDir]:
    if not paths:
        raise CnnlabError(f"nothing to compare: no folder given; {EXPECTED}")
    found = [find_runs([path]) for path in paths]
    empty = [str(path) for path, runs in zip(paths, found, strict=True) if not runs]
    reports = [path for path in empty if Path(path).name in BESIDE_RUNS]
    if len(reports) < len(empty) or len(empty) == len(paths):
        raise CnnlabError(f"nothing to compare: no run in {', '.join(empty)}; {EXPECTED}")
    return list({run.path.resolve(): run for runs in found for run in runs}.values())


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


def _ranked(runs: Sequence[FinishedRun], metric: Metric) -> list[list[FinishedRun]]:
    """The runs of each configuration by seed: the best on validation first, ensembles last."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        groups.setdefault(run.group, []).append(run)

    def order(group: list[FinishedRun]) -> tuple[bool, float]:
        values = [run.result.get(f"val_{metric.column}", math.nan) for run in group]
        mean = float(np.mean(values))
        return math.isnan(mean), -mean if metric.higher_is_better else mean

    return sorted(groups.values(), key=order)


def _naming_keys(rows: Sequence[Flat], keys: Sequence[str], axes: Sequence[Axis]) -> Sequence[str]:
    """The swept keys, where they tell all rows apart: what goes along with them is in the table."""
    swept = [key for key in keys if key == "model" or key in {axis.key for axis in axes}]
    names = [label(row, swept) for row in rows]
    return swept if len(set(names)) == len(names) else keys


def _configurations(
    ranked: Sequence[Sequence[FinishedRun]],
    shown: Sequence[Flat],
    keys: Sequence[str],
    external: Sequence[ExternalResult],
) -> list[Configuration]:
    marked = [f"{result.name} ({result.source})" for result in external]
    others: list[Flat] = [{"model": name, "model.name": name} for name in marked]
    labels = unique([*(label(row, keys) for row in shown), *marked])
    sources = [*("" for _ in ranked), *(result.source for result in external)]
    runs = [*ranked, *([] for _ in external)]
    results: list[Sequence[Mapping[str, Any]]] = [[run.result for run in group] for group in ranked]
    results += [result.results for result in external]
    fields = zip(labels, [*shown, *others], runs, results, sources, strict=True)
    return [Configuration(*row) for row in fields]


def _external_notes(external: Sequence[ExternalResult]) -> list[str]:
    sources = list(dict.fromkeys(result.source for result in external))
    return [
        f"rows marked ({source}) were made elsewhere: their training, split and test images are "
        "not known here"
        for source in sources
    ]


def _count(rows: Sequence[Flat], group: str, noun: str) -> str:
    names = {str(row[group]) for row in rows}
    return names.pop() if len(names) == 1 else plural(len(names), noun)


def _count_data(ranked: Sequence[Sequence[FinishedRun]], shown: Sequence[Flat]) -> str:
    """The data set's name, or the number of different data sets."""
    names = _count(shown, "data", "data set")
    test_sets = distinct([run.test_set for group in ranked for run in group])
    is_one_name = len({row["data"] for row in shown}) == 1
    return f"{names}, {len(test_sets)} test sets" if is_one_name and len(test_sets) > 1 else names
