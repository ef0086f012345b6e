"""The rows of a comparison tested against one another: which runs, which images, which seeds."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cnnlab.compare.comparison import Configuration
from cnnlab.compare.statistics.pairs import Sample, compare_pairs
from cnnlab.compare.test_set import TestSet, distinct, first_difference
from cnnlab.metrics import Metric

MOST_ROWS = 300  # of which every pair is tested


def pairs_of_rows(
    rows: Sequence[Configuration], metric: Metric, reference: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """The table of tests, and what is said instead where there are too many."""
    test_sets = distinct([run.test_set for row in rows for run in row.runs])
    # An ensemble is one network of another kind: its tests would only weaken those of the others.
    chosen = [row for row in rows if not row.members or row.label == reference]
    chosen = chosen if len(chosen) > 1 else list(rows)
    samples = [_sample(row, metric, test_sets) for row in chosen]
    if reference is None and len(samples) > MOST_ROWS:
        said = f"Not tested: {len(samples)} configurations have too many pairs; use --reference."
        return compare_pairs([], higher_is_better=metric.higher_is_better, reference=None), [said]
    pairs = compare_pairs(samples, higher_is_better=metric.higher_is_better, reference=reference)
    for (first, second), reason in _differing_data(pairs, rows).items():
        is_pair = (pairs["first"] == first) & (pairs["second"] == second)
        pairs.loc[is_pair, "reason"] = f"tested on {reason}"
    return pairs, []


def _differing_data(
    pairs: pd.DataFrame, rows: Sequence[Configuration]
) -> dict[tuple[str, str], str]:
    """In what the test sets of pairs differ, for those that are tested on different images."""
    test_sets = {row.label: [run.test_set for run in row.runs] for row in rows}
    differing = pairs[pairs["reason"] == "tested on different images"]
    names = zip(differing["first"], differing["second"], strict=True)
    return {
        (first, second): first_difference([*test_sets[first], *test_sets[second]]) or ""
        for first, second in names
    }


def _sample(row: Configuration, metric: Metric, test_sets: Sequence[TestSet]) -> Sample:
    column = f"test_{metric.column}"
    own = sorted({_index_of(run.test_set, test_sets) for run in row.runs})
    seeds = Counter(result.get("seed") for result in row.results)
    by_seed = {}
    if row.runs and not row.members and max(seeds.values()) == 1:
        by_seed = {int(r["seed"]): float(r[column]) for r in row.results}
    # No other row is tested on the same images as one with several test sets.
    one = str(own[0]) if len(own) == 1 else f"several, {row.label}"
    return Sample(
        label=row.label,
        values=tuple(float(r[column]) for r in row.results),
        by_seed=by_seed,
        tested_on=one if own else None,
        correct=lambda: _correct(row),
    )


def _index_of(test_set: TestSet, known: Sequence[TestSet]) -> int:
    return next(i for i, each in enumerate(known) if each.difference(test_set) is None)


def _correct(row: Configuration) -> NDArray[np.bool_] | None:
    outputs = row.runs[0].outputs()
    if outputs is None:
        return None
    logits, labels = outputs
    right: NDArray[np.bool_] = logits.argmax(axis=1) == labels
    return right
