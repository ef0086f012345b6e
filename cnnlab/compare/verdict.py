"""What may be said of compared configurations, and what must be said beside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cnnlab.compare.statistics import welch
from cnnlab.metrics import ACCURACY, Metric

Results = Sequence[Mapping[str, Any]]  # the result.json rows of one configuration, one per seed


def verdict(ranked: Sequence[Results], labels: Sequence[str], measure: Metric = ACCURACY) -> str:
    """One sentence: what the test images say of the two that are best on validation.

    ``ranked`` and ``labels`` come best first. Fewer than two seeds on a side give no claim.
    """
    if len(ranked) == 1:
        return f"One configuration, {labels[0]}: nothing to rank."
    (best, second), pair = ranked[:2], f"{labels[0]} against {labels[1]}"
    if best[0]["data"] != second[0]["data"]:
        return f"{pair}: tested on different data sets, so no claim."
    if min(len(best), len(second)) < 2:
        return f"{pair}: a Welch t test needs two seeds of each, so no claim."
    column = f"test_{measure.column}"
    difference = welch([r[column] for r in best], [r[column] for r in second])
    if difference is None:
        return f"{pair}: no spread between seeds, so no Welch t test and no claim."
    words = "distinguishable" if difference.is_distinguishable else "not distinguishable"
    signed = f"{{:+.{measure.decimals}f}}"
    mean, low, high = (
        signed.format(measure.scale * value)
        for value in (difference.mean, difference.low, difference.high)
    )
    numbers = f"{mean} {measure.points}test {measure.name} [{low}, {high}]"
    test = f"Welch t test, n = {len(best)} and {len(second)}, p = {difference.p_value:.2g}"
    return f"{pair}, the best two on validation: {words} at 95%: {numbers} ({test})."


def left_out(states: Sequence[str], reruns: int) -> list[str]:
    """Notes on runs that do not count: their states if unfinished, and older reruns."""
    notes = []
    if states:
        counted = ", ".join(f"{n} {state}" for state, n in sorted(Counter(states).items()))
        notes.append(f"{_counted(len(states), 'unfinished run')} left out ({counted})")
    if reruns:
        notes.append(f"{_counted(reruns, 'older run')} of the same seed left out")
    return notes


def caveats(ranked: Sequence[Results]) -> list[str]:
    """Notes on what keeps the rows from being compared like with like."""
    notes = []
    seeds = Counter(" ".join(str(result["seed"]) for result in row) for row in ranked)
    if len(seeds) > 1:
        counted = "; ".join(f"{s} ({_counted(n, 'row')})" for s, n in seeds.items())
        notes.append(f"the rows have different seeds: {counted}")
    results = [result for row in ranked for result in row]
    data = sorted({str(result["data"]) for result in results})
    if len(data) > 1:
        notes.append(f"the rows are of different data sets: {', '.join(data)}")
    for name in data:
        splits = {result["split"] for result in results if result["data"] == name}
        if len(splits) > 1:
            notes.append(
                f"{name} was split in {len(splits)} ways: not all runs saw the same images"
            )
    devices = sorted({str(result["accelerator"]) for result in results})
    if len(devices) > 1:
        notes.append(f"the times are from different devices: {', '.join(devices)}")
    return notes


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
