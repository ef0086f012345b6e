"""The error of an ensemble against its number of members, with what it costs: one tidy table."""

from collections.abc import Sequence

import pandas as pd

from cnnlab.inference.ensemble.members import Member, SeedSweep
from cnnlab.inference.ensemble.votes import disagreement, subsets, vote_errors

COUNTS = ("params", "macs")
TIMES = ("train_seconds", "latency_seconds")  # runs made before have no latency


def error_table(sweep: SeedSweep, configuration: str) -> pd.DataFrame:
    """One row for each number of members and each kind of vote.

    Columns: ``configuration``, ``k`` (members), ``vote`` (soft or hard), ``subsets`` (of that size,
    over which mean, least and largest error are taken), ``error_mean``, ``error_min``,
    ``error_max`` (fractions of the test images), ``params``, ``macs`` (for one image),
    ``train_seconds``, ``latency_seconds`` (for one image; NaN where a run has none), each k times
    that of one run, and ``disagreement`` (of two members, mean over all pairs).
    """
    logits, labels = sweep.logits, sweep.labels
    means = {column: mean_cost(sweep.members, column) for column in (*COUNTS, *TIMES)}
    differing = disagreement(logits)
    rows = []
    for k in range(1, len(logits) + 1):
        members = subsets(len(logits), k)
        for vote, errors in vote_errors(logits, labels, members).items():
            rows.append(
                {
                    "configuration": configuration,
                    "k": k,
                    "vote": vote,
                    "subsets": len(members),
                    "error_mean": errors.mean(),
                    "error_min": errors.min(),
                    "error_max": errors.max(),
                    **{column: round(k * means[column]) for column in COUNTS},
                    **{column: k * means[column] for column in TIMES},
                    "disagreement": differing,
                }
            )
    return pd.DataFrame(rows)


def mean_cost(members: Sequence[Member], column: str) -> float:
    """The mean over members of a column of result.json; NaN where one does not have it."""
    return float(pd.Series([m.result.get(column) for m in members], dtype=float).mean(skipna=False))
