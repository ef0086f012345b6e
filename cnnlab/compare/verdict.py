"""The verdict on compared configurations, and the notes that limit it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cnnlab.compare.statistics import welch
from cnnlab.metrics import ACCURACY, Metric
from cnnlab.text import plural

Results = Sequence[Mapping[str, Any]]  # the result.json rows of one configuration, one per seed


def verdict(
    ranked: Sequence[Results],
    labels: Sequence[str],
    metric: Metric = ACCURACY,
    difference_of_data: str | None = None,
) -> str:
    """One sentence on the test results of the two configurations that are best on validation.

    ``ranked`` and ``labels`` come best first. No claim is made with fewer than two seeds of each.

    Args:
        difference_of_data: why the best two were not tested on the same images; None if they were.
    """
    if len(ranked) == 1:
        return f"One configuration, {labels[0]}: nothing to rank."
    (best, second), pair = ranked[:2], f"{labels[0]} against {labels[1]}"
    if best[0]["data"] != second[0]["data"]:
        return f"{pair}: tested on different data sets, so no claim."
    if difference_of_data is not None:
        return f"{pair}: tested on {difference_of_data}, so no claim."
    if min(len(best), len(second)) < 2:
        return f"{pair}: a Welch t test needs two seeds of each, so no claim."
    column = f"test_{metric.column}"
    difference = welch([r[column] for r in best], [r[column] for r in second])
    if difference is None:
        return f"{pair}: no spread between seeds, so no Welch t test and no claim."
    words = "distinguishable" if difference.is_distinguishable else "not distinguishable"
    mean, low, high = map(
        metric.show_difference, (difference.mean, difference.low, difference.high)
    )
    numbers = f"{mean} {metric.difference_of} test {metric.label} [{low}, {high}]"
    test = f"Welch t test, n = {len(best)} and {len(second)}, p = {difference.p_value:.2g}"
    return f"{pair}, the best two on validation: {words} at 95%: {numbers} ({test})."


def left_out(states: Sequence[str], reruns: int) -> list[str]:
    """Notes on the runs that are left out: unfinished ones by state, and older reruns."""
    notes = []
    if states:
        by_state = ", ".join(f"{n} {state}" for state, n in sorted(Counter(states).items()))
        notes.append(f"{plural(len(states), 'unfinished run')} left out ({by_state})")
    if reruns:
        notes.append(f"{plural(reruns, 'older run')} of the same seed left out")
    return notes


def caveats(ranked: Sequence[Results]) -> list[str]:
    """Notes on differences between the rows that make the comparison unfair."""
    notes = []
    seeds = Counter(
        " ".join(map(str, dict.fromkeys(result["seed"] for result in row))) for row in ranked
    )
    if len(seeds) > 1:
        rows = "; ".join(f"{s} ({plural(n, 'row')})" for s, n in seeds.items())
        notes.append(f"the rows have different seeds: {rows}")
    results = [result for row in ranked for result in row]
    data = sorted({str(result["data"]) for result in results})
    if len(data) > 1:
        notes.append(f"the rows use different data sets: {', '.join(data)}")
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
