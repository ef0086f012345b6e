"""The tests of a table in words: which configurations are better, worse, not distinguishable."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cnnlab.compare.statistics.pairs import BETTER, MCNEMAR, NO_CLAIM, PAIRED, SAME, WELCH, WORSE
from cnnlab.metrics import Metric
from cnnlab.text import plural

FEW = 3  # pairs of which each gets its sentence
MOST_NAMED = 8
NAMES = {
    PAIRED: "paired t test by seed",
    WELCH: "Welch t test",
    MCNEMAR: "McNemar's exact test of these two networks alone",
}


def verdicts(
    pairs: pd.DataFrame, labels: Sequence[str], metric: Metric, reference: str | None
) -> list[str]:
    """One sentence each, for a table whose rows are ``labels`` in its order."""
    if len(labels) == 1:
        return [f"One configuration, {labels[0]}: nothing to compare it with."]
    rows = pairs.to_dict("records")
    if len(rows) <= FEW:
        return [_sentence(row, metric, len(pairs)) for row in rows]
    claimed = pairs[pairs["verdict"] != NO_CLAIM]
    if claimed.empty:
        return _no_claims(pairs)
    said = _among(claimed, metric) if reference is None else _against(claimed, metric)
    return [*said, _how(claimed, metric), *_no_claims(pairs)]


def _sentence(row: Mapping[Any, Any], metric: Metric, tests: int) -> str:
    pair = f"{row['first']} against {row['second']}"
    if row["verdict"] == NO_CLAIM:
        return f"{pair}: {row['reason']}, so no claim."
    shown = [metric.show_difference(row[key]) for key in ("difference", "low", "high")]
    n = f"n = {row['n_first']}"
    if row["test"] != PAIRED:
        n += f" and {row['n_second']}"
    corrected = " after Holm" if tests > 1 else ""
    words = {BETTER: "is better than", WORSE: "is worse than", SAME: "is not distinguishable from"}
    return (
        f"{row['first']} {words[row['verdict']]} {row['second']}: {shown[0]} "
        f"{metric.difference_of} test {metric.label} [{shown[1]}, {shown[2]}] "
        f"({NAMES[row['test']]}, {n}, p = {row['p_holm']:.2g}{corrected})."
    )


def _against(claimed: pd.DataFrame, metric: Metric) -> list[str]:
    reference = claimed["second"].iloc[0]
    said = []
    for verdict, words in (
        (BETTER, "Better than"),
        (WORSE, "Worse than"),
        (SAME, "Not distinguishable from"),
    ):
        names = [
            f"{row['first']} ({metric.show_difference(row['difference'])})"
            for row in claimed[claimed["verdict"] == verdict].to_dict("records")
        ]
        if names:
            said.append(f"{words} {reference}: {_names(names)}.")
    return said


def _among(claimed: pd.DataFrame, metric: Metric) -> list[str]:
    """Who is better than whom and by how much, in the order of the table."""
    beaten: dict[str, list[str]] = defaultdict(list)
    for row in claimed[claimed["verdict"] != SAME].to_dict("records"):
        winner, loser = str(row["first"]), str(row["second"])
        difference = float(row["difference"])
        if row["verdict"] == WORSE:
            winner, loser, difference = loser, winner, -difference
        beaten[winner].append(f"{loser} ({metric.show_difference(difference)})")
    said = [f"{name} is better than {_names(others)}." for name, others in beaten.items()]
    if len(said) > MOST_NAMED:
        said = [*said[:MOST_NAMED], f"... and {plural(len(said) - MOST_NAMED, 'more row')}."]
    same = int((claimed["verdict"] == SAME).sum())
    if same == len(claimed):
        return ["No two configurations are distinguishable."]
    return [*said, f"{same} of {plural(len(claimed), 'pair')} are not distinguishable."]


def _how(claimed: pd.DataFrame, metric: Metric) -> str:
    tests = ", ".join(NAMES[str(test)] for test in dict.fromkeys(claimed["test"]))
    what = f"Differences are {metric.difference_of} test {metric.label}"
    return f"{what}; {tests}; p values by Holm for {plural(len(claimed), 'test')}, at 5%."


def _no_claims(pairs: pd.DataFrame) -> list[str]:
    reasons = pairs["reason"][pairs["verdict"] == NO_CLAIM].value_counts()
    return [f"No claim on {plural(int(n), 'pair')}: {reason}." for reason, n in reasons.items()]


def _names(names: Sequence[str]) -> str:
    shown = [*names[:MOST_NAMED]]
    more = len(names) - len(shown)
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
