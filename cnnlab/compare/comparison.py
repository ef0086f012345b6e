"""What a comparison of runs holds: a row per configuration, tests of their differences, notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from cnnlab.compare.finished import FinishedRun
from cnnlab.compare.unfinished import UnfinishedRun
from cnnlab.metrics import Metric
from cnnlab.runs.flat import Flat


@dataclass(frozen=True)
class Configuration:
    """One row: the runs of one configuration, which differ in their seed alone.

    Attributes:
        label: its short name, unlike that of any other row.
        shown: its flat config; of results made elsewhere their name and data set alone.
        runs: its runs; empty for results made elsewhere.
        results: a row of result.json for each run, or of a CSV file.
        source: the CSV file of results made elsewhere; empty for runs.
    """

    label: str
    shown: Flat
    runs: Sequence[FinishedRun]
    results: Sequence[Mapping[str, Any]]
    source: str = ""

    @property
    def members(self) -> int:
        """Of an ensemble the number of its networks; 0 for single networks."""
        return int(self.results[0].get("ensemble", 0))


@dataclass(frozen=True)
class Axis:
    """An option that was swept: two configurations differ in it alone.

    Attributes:
        values: in ascending order where they are numbers.
        is_log: whether numbers are spaced like a geometric series over a factor of ten or more.
    """

    key: str
    values: tuple[Any, ...]
    is_number: bool
    is_log: bool


@dataclass(frozen=True)
class Finding:
    """Something in which runs differ although it was not swept.

    Attributes:
        text: what differs, and who has which value, without full stop.
        spoils: what cannot be compared fairly for it: the accuracy, the times; or nothing.
    """

    text: str
    spoils: Literal["accuracy", "time", ""] = ""

    @property
    def mark(self) -> str:
        """What it spoils, in words."""
        words = {"accuracy": "Spoils the comparison", "time": "Spoils the times"}
        return words.get(self.spoils, "Differs")


@dataclass(frozen=True)
class Comparison:
    """Everything that a report shows.

    Attributes:
        title: ``4 models on digits``.
        rows: the configurations, the best on validation first; then ensembles and results made
            elsewhere, which have no validation.
        table: a line for each of ``rows``. Columns: ``keys``, then seeds, n, test_acc (with _sd,
            _low, _high: the 95% interval of the mean; test_acc_binomial: the standard error of a
            single accuracy on that test set), val_acc, val_acc_sd, extra test metrics, and costs:
            params, macs, train_seconds, images_per_second, latency_seconds, peak_host_bytes,
            peak_device_bytes, seconds_to_target; device. Accuracies are fractions, numbers are
            means over seeds, NaN where they are not known. Another primary metric has its own
            columns, such as test_loss and val_loss.
        keys: the columns of ``table`` that name a configuration.
        axes: the options that were swept.
        runs: a line for each run: label, seed, run (its folder, or the CSV file) and all numbers
            of its result.
        curves: one row per run and epoch: label, seed, run (its folder) and the columns of
            metrics.csv.
        pairs: the tests of differences; see :func:`~cnnlab.compare.statistics.pairs.compare_pairs`.
        reference: label of the row that the others are tested against; None: every pair.
        metric: the primary metric, which the rows are ranked by.
        target: of the primary metric on validation; seconds_to_target is the time to it.
        findings: differences that were not swept, the gravest first.
        notes: one sentence each, without full stop.
        verdicts: one sentence each: which configurations are better, worse, not distinguishable.
        unfinished: the runs left out because they have no result.
    """

    title: str
    rows: Sequence[Configuration]
    table: pd.DataFrame
    keys: list[str]
    axes: list[Axis]
    runs: pd.DataFrame
    curves: pd.DataFrame
    pairs: pd.DataFrame
    reference: str | None
    metric: Metric
    target: float | None
    findings: list[Finding]
    notes: list[str]
    verdicts: list[str]
    unfinished: Sequence[UnfinishedRun]

    @property
    def labels(self) -> list[str]:
        """A short name for each row of ``table``, no two the same."""
        return [row.label for row in self.rows]
