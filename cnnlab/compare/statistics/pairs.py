"""Which configurations differ: every pair, or each against a reference, corrected by Holm."""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cnnlab.compare.statistics.summary import CONFIDENCE
from cnnlab.compare.statistics.tests import Differences, holm, mcnemar, paired, welch

BETTER, WORSE, SAME, NO_CLAIM = "better", "worse", "not distinguishable", "no claim"
COLUMNS = (
    *("first", "second", "test", "n_first", "n_second", "difference", "low", "high"),
    *("p", "p_holm", "verdict", "reason"),
)
PAIRED, WELCH, MCNEMAR = "paired t", "Welch t", "McNemar"


@dataclass(frozen=True)
class Sample:
    """What was measured of one configuration.

    Attributes:
        values: the results on the test set.
        by_seed: the same by seed; empty where the seeds mean nothing to other configurations or
            do not tell the runs apart.
        tested_on: equal for samples of the same test images; None where they are not known.
        correct: of a single run, for each test image whether it is right, (images,); None where
            that is not recorded.
    """

    label: str
    values: tuple[float, ...]
    by_seed: Mapping[int, float]
    tested_on: str | None = None
    correct: Callable[[], NDArray[np.bool_] | None] = lambda: None


@dataclass
class _Pair:
    first: Sample
    second: Sample
    test: str = ""
    seeds: tuple[int, ...] = ()
    reason: str = ""


def compare_pairs(
    samples: Sequence[Sample], *, higher_is_better: bool, reference: str | None
) -> pd.DataFrame:
    """A row for each pair of samples, or for each sample and the ``reference``, another's label.

    Columns: first and second (labels), test (paired t by common seeds where there are two; Welch t
    where there are not; McNemar's of two single runs; empty), n_first, n_second (values used),
    difference (first - second), low, high (its own 95% interval), p, p_holm (corrected over the
    table), verdict (of the first: better, worse, not distinguishable, no claim) and reason (of no
    claim).
    """
    pairs = [_plan(first, second) for first, second in _choose(samples, reference)]
    difference = np.array([np.mean(p.first.values) - np.mean(p.second.values) for p in pairs])
    low, high, p_value = (np.full(len(pairs), math.nan) for _ in range(3))
    for indices, found in _results(pairs):
        difference[indices], p_value[indices] = found.mean, found.p_value
        low[indices], high[indices] = found.low, found.high
    corrected = holm(p_value)
    was_tested, is_claimed = ~np.isnan(p_value), corrected < 1 - CONFIDENCE
    is_better = (difference > 0) == higher_is_better
    verdict = np.select(
        [~was_tested, is_claimed & is_better, is_claimed], [NO_CLAIM, BETTER, WORSE], SAME
    )
    reason = [pair.reason or "no spread between seeds" for pair in pairs]
    columns = (
        [pair.first.label for pair in pairs],
        [pair.second.label for pair in pairs],
        np.where(was_tested, [pair.test for pair in pairs], ""),
        [len(pair.seeds) or len(pair.first.values) for pair in pairs],
        [len(pair.seeds) or len(pair.second.values) for pair in pairs],
        *(difference, low, high, p_value, corrected, verdict),
        np.where(was_tested, "", reason),
    )
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _choose(samples: Sequence[Sample], reference: str | None) -> Iterator[tuple[Sample, Sample]]:
    if reference is None:
        yield from itertools.combinations(samples, 2)
        return
    against = next(sample for sample in samples if sample.label == reference)
    yield from ((sample, against) for sample in samples if sample is not against)


def _plan(first: Sample, second: Sample) -> _Pair:
    """Which test is possible, and on which seeds."""
    pair = _Pair(first, second)
    smaller, larger = sorted((len(first.values), len(second.values)))
    common = tuple(sorted(first.by_seed.keys() & second.by_seed.keys()))
    if None not in (first.tested_on, second.tested_on) and first.tested_on != second.tested_on:
        pair.reason = "tested on different images"
    elif len(common) >= 2:
        pair.test, pair.seeds = PAIRED, common
    elif smaller >= 2:
        pair.test = WELCH
    elif larger == 1 and None not in (first.tested_on, second.tested_on):
        pair.test, pair.reason = MCNEMAR, "a single run of each"
    else:
        pair.reason = "a single run of " + ("each" if larger == 1 else "one of them")
    return pair


def _results(pairs: Sequence[_Pair]) -> Iterator[tuple[list[int], Differences]]:
    """The tests of pairs of one kind and size at a time, and which pairs they are."""
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        size = (len(pair.first.values), len(pair.second.values)) if pair.test == WELCH else ()
        groups[pair.test, pair.seeds, size].append(index)
    for (test, seeds, _), indices in groups.items():
        chosen = [pairs[i] for i in indices]
        if test == PAIRED:
            yield (
                indices,
                paired(
                    np.array([[pair.first.by_seed[seed] for seed in seeds] for pair in chosen]),
                    np.array([[pair.second.by_seed[seed] for seed in seeds] for pair in chosen]),
                ),
            )
        elif test == WELCH:
            yield (
                indices,
                welch(
                    np.array([pair.first.values for pair in chosen]),
                    np.array([pair.second.values for pair in chosen]),
                ),
            )
        elif test == MCNEMAR:
            yield from _mcnemar(pairs, indices)


def _mcnemar(
    pairs: Sequence[_Pair], indices: Sequence[int]
) -> Iterator[tuple[list[int], Differences]]:
    """Of those pairs whose answers on the images are recorded."""
    samples = {id(s): s for i in indices for s in (pairs[i].first, pairs[i].second)}
    by_images: dict[int, dict[int, NDArray[np.bool_]]] = defaultdict(dict)
    for key, sample in samples.items():
        if (correct := sample.correct()) is not None:
            by_images[len(correct)][key] = correct
    for images, answers in by_images.items():
        rows = {key: row for row, key in enumerate(answers)}
        right = np.array(list(answers.values()), dtype=np.float32)  # float: a product by BLAS
        only_first = right @ (1 - right).T  # (samples, samples)
        known = [i for i in indices if {id(pairs[i].first), id(pairs[i].second)} <= answers.keys()]
        first = np.array([rows[id(pairs[i].first)] for i in known], dtype=int)
        second = np.array([rows[id(pairs[i].second)] for i in known], dtype=int)
        if known:
            counts = (only_first[first, second], only_first[second, first])
            wins, losses = (count.astype(float) for count in counts)
            yield known, mcnemar(wins, losses, images)
